import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { Timing } from '../../authority/timing.ts';
import { isSecretRef } from '../../service/secrets.ts';
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

/** What the small process beside one database is told when it starts. */
const guardConfig = z.strictObject({
  region: plainName,
  /** Where it listens for commands; port 0 takes a free one. */
  listen: z.strictObject({ host: z.string().min(1), port: z.number().int().min(0).max(65_535) }),
  postgres: z.strictObject({
    /** The address that PostgreSQL listens on. */
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535),
    /** Directory of its Unix socket, or null for none. */
    socketDir: absolutePath.nullable(),
    dataDir: absolutePath,
    /** Directory with `postgres`, and `pg_rewind` where there is one. */
    pgBin: absolutePath,
    /** pg_hba.conf when it is not in the data directory (Debian: /etc/postgresql/...). */
    hbaFile: absolutePath.optional(),
    /** PostgreSQL refuses to run as root: who it runs as, or null for the guard's own user. */
    runAs: z.strictObject({ uid: z.number().int(), gid: z.number().int() }).nullable(),
    /** Started by the guard, unless a command stopped it; else by a unit with `throwover guard --pre-start`. */
    startDatabase: z.boolean(),
  }),
  /** How the guard itself logs in; `host` may be the socket directory. */
  superuser: z.strictObject({
    host: z.string().min(1),
    user: z.string().min(1).default('postgres'),
    password: secretRef.default(null),
  }),
  /** The application's database; `throwover.promotions` stands in it. */
  database: z.string().min(1),
  /** Login roles of the application: those that a fence closes out. */
  applicationRoles: z.array(plainName).min(1),
  replication: z.strictObject({ user: plainName, password: secretRef.default(null) }),
  /** Where a standby connects to the primary of that region, over the link between the regions. */
  upstreams: z.record(plainName, endpoint),
  /** How they are closed out: lines in pg_hba.conf, or roles that may not log in where that file is out of reach (guard/door.ts says what that cannot do). */
  fence: z.enum(['pg_hba', 'roles']).default('pg_hba'),
  /** The service that this database is of, as throwover.yaml names it; the store knows it by this name. */
  service: z.string().min(1).optional(),
  /** `throwover serve`; left out: the guard asks the other guard alone. */
  store: z.strictObject({ url: z.url() }).optional(),
  /** The guard of the other region; left out: a fence does not open by itself. */
  peer: z.strictObject({ region: plainName, guard: z.url() }).optional(),
  /** As in throwover.yaml. */
  writerFence: z.enum(['available', 'strict']).default('available'),
  durability: z.enum(['asynchronous', 'synchronous']).default('asynchronous'),
  /** Knobs in milliseconds; what is left out has its default (authority/timing.ts). */
  timing: timing.default({}),
  /** What the guard must not forget (highest token, fence) and PostgreSQL's log. */
  stateDir: absolutePath,
});

export type GuardConfig = z.infer<typeof guardConfig>;
export type PostgresConfig = GuardConfig['postgres'];

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
