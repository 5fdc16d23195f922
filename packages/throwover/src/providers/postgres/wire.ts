import { z } from 'zod';
import type { CallTable, ValueOf } from '../../wire/wire.ts';

/**
 * The place of the database, for people who handle it without this guard (by-hand.ts). It contains
 * no secret.
 */
const place = z.strictObject({
  region: z.string(),
  host: z.string(),
  port: z.number(),
  dataDir: z.string(),
  pgBin: z.string(),
  hbaFile: z.string(),
  runAs: z.strictObject({ uid: z.number(), gid: z.number() }).nullable(),
  superuser: z.strictObject({ host: z.string(), user: z.string() }),
  database: z.string(),
  applicationRoles: z.array(z.string()),
  /** `password`: the place of the secret, `env:NAME` or `file:PATH`. */
  replication: z.strictObject({ user: z.string(), password: z.string().nullable() }),
  upstreams: z.record(z.string(), z.strictObject({ host: z.string(), port: z.number() })),
  fence: z.enum(['pg_hba', 'roles']),
});
export type Place = ValueOf<typeof place>;

/** The calls that only a guard of a PostgreSQL has; every guard has those of authority/calls.ts. */
export const postgresCalls = {
  place: {
    method: 'GET',
    path: '/v1/place',
    says: 'Where the database is, for commands by hand',
    output: place,
    deadlineMs: 2_000,
    repeat: true,
    roles: ['controller', 'viewer'],
  },
} as const satisfies CallTable;
