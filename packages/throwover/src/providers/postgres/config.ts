import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { identitySchema, insecure } from '../../access/identity.ts';
import { defaultTiming, type Timing } from '../../authority/authority.ts';
import { isSecretRef } from '../../service/service.ts';
import { postgresErrors } from './errors.ts';

export const absolutePath = z.string().refine(isAbsolute, 'expected an absolute path');
const hostName = z.string().min(1);
const port = z.int().min(1).max(65_535);
const secretRef = z
  .string()
  .refine(isSecretRef, 'expected env:NAME or file:PATH')
  .nullable()
  .default(null)
  .describe('Place of the password: `env:NAME` or `file:PATH`; `null`: no password is sent');
/** A name that needs no quotes in pg_hba.conf and in a connection string. */
export const plainName = z
  .string()
  .regex(/^[a-z_][a-z0-9_-]*$/, 'expected a plain lower-case name');

const knob = (name: keyof Timing, says: string) =>
  z.number().positive().default(defaultTiming[name]).describe(says);
/** The times of a fence are not among them: each run sends its own. */
const timing = z.strictObject({
  leaseMs: knob('leaseMs', 'Strict only: how long the right to write lasts without a renewal, ms'),
  renewEveryMs: knob('renewEveryMs', 'Strict only: time between two renewals of that right, ms'),
  tickMs: knob('tickMs', 'Time between two looks of the guard at its database, ms'),
  gapMs: knob(
    'gapMs',
    'Strict only: after a pause of the guard that is longer than this, it closes the writer before it asks for a renewal, ms',
  ),
  driftBound: knob(
    'driftBound',
    'Largest difference in speed between the clocks of two machines, as a share: 0.01 is 1 %',
  ),
  witnessDeadlineMs: knob('witnessDeadlineMs', 'Longest wait for the store, ms'),
  peerDeadlineMs: knob('peerDeadlineMs', 'Longest wait for the other guard, ms'),
  syncPatienceMs: knob(
    'syncPatienceMs',
    'Synchronous only: the primary stops waiting for a standby that has not answered for this long, ms',
  ),
} satisfies Partial<Record<keyof Timing, unknown>>);

const listen = z.strictObject({
  host: hostName.describe('Address to listen on'),
  port: z.int().min(0).max(65_535).describe('Port to listen on; 0 takes a free one'),
});

const postgres = z.strictObject({
  host: hostName.describe('Address that PostgreSQL listens on'),
  port: port.describe('Port that PostgreSQL listens on'),
  socketDir: absolutePath
    .nullable()
    .describe('Directory of its Unix socket, an absolute path; `null`: it has none'),
  dataDir: absolutePath.describe('Data directory, an absolute path'),
  pgBin: absolutePath.describe(
    'Directory of the program `postgres`, and of `pg_rewind` if it is installed; an absolute path',
  ),
  hbaFile: absolutePath
    .optional()
    .describe(
      'The `pg_hba.conf` with which the guard starts PostgreSQL, an absolute path; when it is left out, the one of the server',
    ),
  runAs: z
    .strictObject({
      uid: z.int().min(0).describe('User id'),
      gid: z.int().min(0).describe('Group id'),
    })
    .nullable()
    .describe("User that PostgreSQL runs as, when the guard is root; `null`: the guard's own user"),
  startDatabase: z
    .boolean()
    .describe(
      '`true`: the guard starts PostgreSQL, unless a command stopped it. `false`: a unit with `throwover guard --pre-start` starts it',
    ),
});

/** The configuration of the guard process beside one database. */
export const guardConfig = z.strictObject({
  region: plainName.describe('Name of this region, as in throwover.yaml'),
  listen: listen.describe('Address at which the guard takes commands; keep it private'),
  postgres: postgres.describe('The PostgreSQL on this host'),
  superuser: z
    .strictObject({
      host: hostName.describe('Address of the database, or the directory of its Unix socket'),
      user: z.string().min(1).default('postgres').describe('Role'),
      password: secretRef,
    })
    .describe('How the guard itself logs in'),
  database: z
    .string()
    .min(1)
    .describe("The application's database. The guard keeps its own schema `throwover` there"),
  applicationRoles: z
    .array(plainName)
    .min(1)
    .describe('Roles with which the application logs in; a fence closes them out'),
  replication: z
    .strictObject({ user: plainName.describe('Role'), password: secretRef })
    .describe('How a standby logs in at its primary'),
  upstreams: z
    .record(
      plainName,
      z.strictObject({
        host: hostName.describe('Address of the PostgreSQL of that region'),
        port: port.describe('Its port'),
      }),
    )
    .describe(
      'For each region by name: where a standby reaches its PostgreSQL over the link between the regions',
    ),
  fence: z
    .enum(['pg_hba', 'roles'])
    .default('pg_hba')
    .describe(
      'How the application is closed out: by lines in `pg_hba.conf`; or, if that file is out of reach, by roles that may not log in ([limits](authority.md))',
    ),
  service: z.string().min(1).describe('Name of the service, as in throwover.yaml'),
  store: z
    .strictObject({ url: z.url().describe('URL of `throwover serve`') })
    .optional()
    .describe('The store; when it is left out, the guard asks only the other guard'),
  peer: z
    .strictObject({
      region: plainName.describe('Name of the other region'),
      guard: z.url().describe('URL of its guard'),
    })
    .optional()
    .describe('The other region; when it is left out, the guard obeys no run'),
  writerFence: z
    .enum(['available', 'strict'])
    .default('available')
    .describe('The same as `database.writerFence` of throwover.yaml'),
  durability: z
    .enum(['asynchronous', 'synchronous'])
    .default('asynchronous')
    .describe('The same as `database.durability` of throwover.yaml'),
  identity: identitySchema
    .optional()
    .describe(
      "This guard's [certificate](certificates.md). Without one, whoever reaches the port may close and promote the database",
    ),
  insecure,
  timing: timing
    .prefault({})
    .describe('Waiting times; a combination that does not hold together is refused'),
  stateDir: absolutePath.describe(
    "Directory for what the guard must not forget (highest token, fence) and for PostgreSQL's log; an absolute path",
  ),
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
