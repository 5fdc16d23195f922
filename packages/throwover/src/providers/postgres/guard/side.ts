import type { Clock } from '../../../kernel/kernel.ts';
import { parseSecretRef, resolveSecret } from '../../../service/service.ts';
import type { GuardConfig } from '../config.ts';
import type { Door } from './door.ts';
import { hbaDoor } from './hba-door.ts';
import { HbaFile } from './hba-file.ts';
import { LeaseWatch } from './lease-watch.ts';
import { ownSession } from './own-session.ts';
import { Postmaster } from './postmaster.ts';
import { roleDoor } from './role-door.ts';
import { endIdleSession } from './room.ts';
import { type Login, Sql } from './sql.ts';

/** The parts that every command beside one database uses. */
export interface Side {
  readonly config: GuardConfig;
  readonly clock: Clock;
  readonly postmaster: Postmaster;
  readonly door: Door;
  readonly hbaFile: HbaFile;
  /** `sql` is for commands; `watch` is for status, so that a long command does not delay it. */
  readonly sql: Sql;
  readonly watch: Sql;
  /** For long reads, for the lease, and for housekeeping: none of them waits for a command. */
  readonly reader: Sql;
  readonly leases: Sql;
  readonly house: Sql;
  /** Strict mode: ends the application's sessions when there is no lease. */
  readonly leaseWatch: LeaseWatch;
  secret(ref: string | null): Promise<string | null>;
  /** Returns a login of an application role without its password, as an outsider would try it. */
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
    options: ownSession(postgres.dataDir),
  };
  const postmaster = new Postmaster(postgres, { stateDir, clock });
  const makeRoom = () => endIdleSession({ config, clock, postmaster });
  const connection = (lenders: () => readonly Sql[], own: Login = login) =>
    new Sql(own, { clock, lenders, makeRoom });
  const sql = connection(() => [watch, leases, house]);
  // It writes nothing, and shows the value that the server has for the application.
  const watch: Sql = connection(() => [sql, leases, house], {
    ...login,
    options: ownSession(postgres.dataDir, ['synchronous_commit']),
  });
  const leases: Sql = connection(() => [watch, sql, house]);
  const house: Sql = connection(() => [sql, watch, leases]);
  const reader = connection(() => [house, sql, watch, leases]);
  const parts = {
    config,
    clock,
    postmaster,
    sql,
    watch,
    hbaFile: new HbaFile({ config, postmaster, watch }),
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
    reader,
    leases,
    house,
    leaseWatch: new LeaseWatch(login, config.applicationRoles),
    secret,
  };
}
