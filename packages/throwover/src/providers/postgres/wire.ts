import { z } from 'zod';
import type { CallTable, ValueOf } from '../../wire/wire.ts';
import { absolutePath, plainName } from './config.ts';

/**
 * One line of visible characters: people see what they type, and a line of the printed runbook ends
 * where it seems to end. Names and paths are as the guard's own configuration demands them.
 */
const visible = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;
const text = z.string().regex(visible, 'expected one line of visible characters');
const path = absolutePath.regex(visible, 'expected one line of visible characters');

/**
 * The place of the database, for people who handle it without this guard (by-hand.ts). It contains
 * no secret.
 */
const place = z.strictObject({
  region: plainName,
  host: text,
  port: z.number(),
  dataDir: path,
  pgBin: path,
  hbaFile: path,
  runAs: z.strictObject({ uid: z.number(), gid: z.number() }).nullable(),
  superuser: z.strictObject({ host: text, user: text }),
  database: text,
  applicationRoles: z.array(plainName),
  /** `password`: the place of the secret, `env:NAME` or `file:PATH`. */
  replication: z.strictObject({ user: plainName, password: text.nullable() }),
  upstreams: z.record(plainName, z.strictObject({ host: text, port: z.number() })),
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
