import { z } from 'zod';
import { port } from '../schemas.ts';

const share = z.number().min(0).max(1);

/** Above this rate the two cores of a small machine would limit the clients. */
const maxRatePerSecond = 500;

export const clientsConfig = z.strictObject({
  host: z.string().min(1),
  adminPort: port,
  /** The service's public name and port. */
  hostname: z.string().min(1),
  port: z.int().min(1).max(65_535),
  /**
   * Caching resolvers on 127.0.0.1, and the share of the clients that uses each. Shares are
   * relative to their sum.
   */
  resolvers: z
    .array(z.strictObject({ port: z.int().min(1).max(65_535), behaviour: z.string(), share }))
    .min(1)
    .refine((all) => all.some((resolver) => resolver.share > 0), 'give at least one a share'),
  /** The region of each address. */
  addresses: z.record(z.ipv4(), z.string().min(1)),
  clients: z.int().min(1).max(1_000).default(40),
  ratePerSecond: z.number().positive().max(maxRatePerSecond).default(60),
  /** How long a client waits for one answer, ms: impatient, like real checkouts. */
  patienceMs: z.number().positive().max(60_000).default(5_000),
  /** Additional requests for style sheets and pictures, which no function answers. 0: none. */
  assetsPerSecond: z.number().min(0).max(maxRatePerSecond).default(0),
  seed: z.int().default(1),
  /** Share of the clients that keep connections open: applications with a pool. */
  keepAliveShare: share.default(0.15),
  /**
   * Longest time that such a pool keeps a connection, minutes of life time. Some real clients keep
   * it permanently (nodejs/node#6713): with them no recording would end.
   */
  keepAliveMaxLifeMinutes: z.number().positive().default(8),
  /**
   * Share of the clients, without those that have a pool, whose runtime caches an address itself,
   * as a JVM does.
   */
  runtimeCacheShare: share.default(0),
  /**
   * How long the runtime caches an address, minutes of life time; some cache it permanently: with
   * them no recording would end.
   */
  runtimeCacheLifeMinutes: z.number().positive().default(5),
  /**
   * Clients report which resolver they use: a new name below `b.ZONE`, then the door; `null`: they
   * do not.
   */
  beacons: z
    .strictObject({ zone: z.string().min(1), perSecond: z.number().positive().max(100) })
    .nullable()
    .default(null),
  /**
   * This share of the clients shows the token of its last write with the next read. In addition,
   * all clients read each write at the read service of their home, within `thinkMs` of its
   * acknowledgement.
   */
  readYourWrites: z
    .strictObject({
      tokenShare: share,
      homes: z.record(z.string().min(1), z.strictObject({ host: z.ipv4(), port })),
      thinkMs: z.number().nonnegative().max(5_000).default(200),
    })
    .nullable()
    .default(null),
  /** Number of the first client's network; the others follow. */
  firstNetwork: z.int().min(0).max(60_000).default(0),
  /**
   * 60: a minute of life time is a second here. Applies only to settings with `Life` in their name.
   */
  timeScale: z.number().positive().default(60),
  /** File of the records, one JSON object per line. */
  output: z.string().min(1),
});
export type ClientsConfig = z.infer<typeof clientsConfig>;
