import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { Timing } from '../../authority/authority.ts';
import { isSecretRef } from '../../service/service.ts';
import { postgresErrors } from './errors.ts';

const absolutePath = z.string().refine(isAbsolute, 'expected an absolute path');
const endpoint = z.strictObject({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
});
const secretRef = z.string().refine(isSecretRef, 'expected env:NAME or file:PATH').nullable();
/** A name that needs no quotes in pg_hba.conf and in a connection string. */
const plainName = z.string().regex(/^[a-z_][a-z0-9_-]*$/, 'expected a plain lower-case name');

const knob = z.number().positive().optional();
const timing = z.strictObject({
  leaseMs: knob,
  renewEveryMs: knob,
  tickMs: knob,
  gapMs: knob,
  driftBound: knob,
  witnessDeadlineMs: knob,
  peerDeadlineMs: knob,
  fenceDeadlineMs: knob,
  openTransactionsMs: knob,
  catchUpAllowanceMs: knob,
  commandAllowanceMs: knob,
  syncPatienceMs: knob,
} satisfies Record<keyof Timing, typeof knob>);

/** The configuration of the guard process beside one database. */
const guardConfig = z.strictObject({
  region: plainName,
  /** Address for commands; port 0 takes a free one. */
  listen: z.strictObject({ host: z.string().min(1), port: z.number().int().min(0).max(65_535) }),
  postgres: z.strictObject({
    /** The address that PostgreSQL listens on. */
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535),
    /** Directory of its Unix socket; `null`: it has none. */
    socketDir: absolutePath.nullable(),
    dataDir: absolutePath,
    /** Directory with `postgres`, and with `pg_rewind` if it is installed. */
    pgBin: absolutePath,
    /**
     * The pg_hba.conf with which the guard starts PostgreSQL. A running server is asked for its
     * file.
     */
    hbaFile: absolutePath.optional(),
    /**
     * The user that PostgreSQL runs as, because it refuses to run as root; `null`: the guard's own
     * user.
     */
    runAs: z.strictObject({ uid: z.number().int(), gid: z.number().int() }).nullable(),
    /**
     * True: the guard starts PostgreSQL, unless a command stopped it. False: a unit with `throwover
     * guard --pre-start` does.
     */
    startDatabase: z.boolean(),
  }),
  /** How the guard itself logs in; `host` may be the socket directory. */
  superuser: z.strictObject({
    host: z.string().min(1),
    user: z.string().min(1).default('postgres'),
    password: secretRef.default(null),
  }),
  /** The application's database, which also contains `throwover.promotions`. */
  database: z.string().min(1),
  /** Login roles of the application, which a fence closes out. */
  applicationRoles: z.array(plainName).min(1),
  replication: z.strictObject({ user: plainName, password: secretRef.default(null) }),
  /**
   * For each region, the address at which a standby reaches its primary over the link between the
   * regions.
   */
  upstreams: z.record(plainName, endpoint),
  /**
   * How they are closed out: by lines in pg_hba.conf, or, if that file is out of reach, by roles
   * that may not log in (guard/door.ts names the limits of that).
   */
  fence: z.enum(['pg_hba', 'roles']).default('pg_hba'),
  /**
   * The service of this database, by its name in throwover.yaml; the store knows it by this name.
   */
  service: z.string().min(1),
  /** Address of `throwover serve`; absent: the guard asks only the other guard. */
  store: z.strictObject({ url: z.url() }).optional(),
  /** The other region and its guard; absent: this guard obeys no run. */
  peer: z.strictObject({ region: plainName, guard: z.url() }).optional(),
  /** As in throwover.yaml. */
  writerFence: z.enum(['available', 'strict']).default('available'),
  durability: z.enum(['asynchronous', 'synchronous']).default('asynchronous'),
  /** Timing settings in milliseconds; a missing one has its default (authority/timing.ts). */
  timing: timing.default({}),
  /**
   * Directory for the state that the guard must not forget (highest token, fence) and PostgreSQL's
   * log.
   */
  stateDir: absolutePath,
});

export type GuardConfig = z.infer<typeof guardConfig>;
export type PostgresConfig = GuardConfig['postgres'];

/** Returns the configuration, or throws `guard-config-wrong` with every place that is wrong. */
export function parseGuardConfig(input: unknown): GuardConfig {
  const parsed = guardConfig.safeParse(input);
  if (!parsed.success) {
    throw postgresErrors.make(
      'guard-config-wrong',
      `the guard's configuration is wrong:\n${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}
