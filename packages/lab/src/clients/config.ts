import { z } from 'zod';

const port = z.int().min(0).max(65_535);
const share = z.number().min(0).max(1);

/** Above this the two cores of a small machine would measure the clients. */
const maxRatePerSecond = 500;

export const clientsConfig = z.strictObject({
  host: z.string().min(1),
  /** 0 takes a free port; the ready line tells which. */
  adminPort: port,
  /** The service's public name and port. */
  hostname: z.string().min(1),
  port: z.int().min(1).max(65_535),
  /** Caching resolvers on 127.0.0.1, and which share of the clients asks each. Shares are relative to their sum. */
  resolvers: z
    .array(z.strictObject({ port: z.int().min(1).max(65_535), behaviour: z.string(), share }))
    .min(1)
    .refine((all) => all.some((resolver) => resolver.share > 0), 'give at least one a share'),
  /** Which region an address belongs to. */
  addresses: z.record(z.ipv4(), z.string().min(1)),
  clients: z.int().min(1).max(1_000).default(40),
  ratePerSecond: z.number().positive().max(maxRatePerSecond).default(60),
  /** Beside these, requests that no function answers: style sheets and pictures. 0: none. */
  assetsPerSecond: z.number().min(0).max(maxRatePerSecond).default(0),
  seed: z.int().default(1),
  /** Share of the clients that keep connections open: applications with a pool. */
  keepAliveShare: share.default(0.15),
  /**
   * How long such a pool keeps a connection at most, minutes of life. Some real clients never let go
   * (nodejs/node#6713): with them no recording would end.
   */
  keepAliveMaxLifeMinutes: z.number().positive().default(8),
  /** Share of the clients whose runtime keeps an address by itself, as a JVM does. Not those with a pool. */
  runtimeCacheShare: share.default(0),
  /** How long it keeps one, minutes of life; some keep it for ever: with them no recording would end. */
  runtimeCacheLifeMinutes: z.number().positive().default(5),
  /** Clients tell which resolver they stand behind: a fresh name below `b.ZONE`, then the door; `null`: not. */
  beacons: z
    .strictObject({ zone: z.string().min(1), perSecond: z.number().positive().max(100) })
    .nullable()
    .default(null),
  /**
   * This share of the clients shows the token of its last write with the next read; all of them read each
   * write at the read service of their home as well, within `thinkMs` of its acknowledgement.
   */
  readYourWrites: z
    .strictObject({
      tokenShare: share,
      homes: z.record(z.string().min(1), z.strictObject({ host: z.ipv4(), port })),
      thinkMs: z.number().nonnegative().max(5_000).default(200),
    })
    .nullable()
    .default(null),
  /** Number of the first client's network; those of the others follow. */
  firstNetwork: z.int().min(0).max(60_000).default(0),
  /** 60: a minute of life is a second here. Applies to what has `Life` in its name, to nothing else. */
  timeScale: z.number().positive().default(60),
  /** File of the records, one JSON object a line. */
  output: z.string().min(1),
});
export type ClientsConfig = z.infer<typeof clientsConfig>;
