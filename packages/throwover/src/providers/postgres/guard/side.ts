import type { Clock } from '../../../kernel/kernel.ts';
import { parseSecretRef, resolveSecret } from '../../../service/secrets.ts';
import type { GuardConfig } from '../config.ts';
import type { Door } from './door.ts';
import { hbaDoor } from './hba-door.ts';
import { Postmaster } from './postmaster.ts';
import { roleDoor } from './role-door.ts';
import { type Login, Sql } from './sql.ts';

/** Everything that a command beside one database works with. */
export interface Side {
  readonly config: GuardConfig;
  readonly clock: Clock;
  readonly postmaster: Postmaster;
  readonly door: Door;
  /** For commands; `watch` is for status, so that a long command does not hold it up. */
  readonly sql: Sql;
  readonly watch: Sql;
  /** Long reads, and what keeps the lease: neither waits for a command. */
  readonly reader: Sql;
  readonly leases: Sql;
  readonly house: Sql;
  secret(ref: string | null): Promise<string | null>;
  /** The login of an application role, as an outsider without its password would try it. */
  applicationLogin(role: string): Login;
}

export async function openSide(config: GuardConfig, clock: Clock): Promise<Side> {
  const { postgres, superuser, stateDir, database } = config;
  const secret = async (ref: string | null) =>
    ref === null
      ? null
      : resolveSecret(parseSecretRef(ref), { env: process.env, directory: stateDir });
  const login: Login = {
    host: superuser.host,
    port: postgres.port,
    user: superuser.user,
    password: await secret(superuser.password),
    database,
  };
  const parts = {
    config,
    clock,
    postmaster: new Postmaster(postgres, { stateDir, clock }),
    sql: new Sql(login),
    watch: new Sql(login),
    applicationLogin: (role: string) => ({
      host: postgres.host,
      port: postgres.port,
      user: role,
      password: null,
      database,
    }),
  };
  return {
    ...parts,
    door: config.fence === 'roles' ? roleDoor(parts) : hbaDoor(parts),
    reader: new Sql(login),
    leases: new Sql(login),
    house: new Sql(login),
    secret,
  };
}
