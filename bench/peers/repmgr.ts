/**
 * repmgr 5 as Debian ships it, set up as its documentation advises.
 *
 * - Asynchronous replication, repmgr's extension loaded, both nodes registered; PostgreSQL's settings
 *   are those of the other contenders (packages/lab/src/postgres/schema.ts).
 * - `repmgr standby switchover` on the standby, with its defaults, over real ssh (an sshd of this user
 *   beside each database) as it requires: keys, no password. All calls from one region to the other,
 *   ssh included, have the link's latency; a node reaches its own database without it.
 * - Losses: repmgrd beside each database, `failover=automatic`, no witness. Its defaults
 *   (monitor 2 s, 6 attempts at 10 s), and fast: monitor 1 s, 2 attempts at 1 s.
 *   repmgrd reaches its own database by the address that others were given, over the link: at 40 ms
 *   this costs it some tenths of a second.
 * - conninfo has connect_timeout=2, as in its documentation's samples.
 * - The way in which repmgr stops the old primary changes the gap by one second, so both ways are
 *   measured. `repmgr`: service commands, which its documentation recommends always to set; here
 *   pg_ctl that waits, as `systemctl stop` does. `repmgr-default`: none set; its own pg_ctl does not
 *   wait, and repmgr looks again a second later. Its `pg_ctl_options` names a log file; otherwise ssh
 *   would stay open.
 */
import { join } from 'node:path';
import { type Endpoint, systemClock } from 'throwover/kernel';
import { until } from '../../packages/lab/src/world/json.ts';
import { type RegionName, regionNames } from '../../packages/lab/src/world/map.ts';
import type { FailsOver, Switchable } from '../contender.ts';
import {
  ask,
  changeAutoConf,
  type Ground,
  isFollowed,
  layGround,
  makeOwned,
  postgresLog,
  type Side,
  startOwned,
  startPostgres,
  writeOwned,
} from './ground.ts';
import { type Peer, startPair } from './pair.ts';
import { type Daemon, postgresUser, runTool } from './process.ts';
import { repmgrConfig, type ServiceCommands, type Timings } from './repmgr-config.ts';
import { layKeys, type SshKeys, startSshd } from './sshd.ts';

/** Programs in the directory of PostgreSQL's binaries, where Debian puts them, and those of ssh. */
export const repmgrPrograms = (pgBin: string) => [
  join(pgBin, 'repmgr'),
  join(pgBin, 'repmgrd'),
  '/usr/sbin/sshd',
  '/usr/bin/ssh',
  '/usr/bin/ssh-keygen',
];
export const repmgrPackages = [
  'repmgr',
  'postgresql-15-repmgr',
  'openssh-server',
  'openssh-client',
];

/** Longest wait until the standby follows, ms. */
const healthyTimeoutMs = 60_000;

export interface RepmgrOptions {
  readonly name: string;
  readonly dir: string;
  readonly portBase: number;
  readonly pgBin: string;
  readonly timings: Timings;
  readonly serviceCommands: ServiceCommands;
}

export async function startRepmgr(options: RepmgrOptions): Promise<Switchable & FailsOver> {
  const ground = await layGround({ ...options, runAs: await postgresUser() });
  return startPair(options.name, ground, new Repmgr(ground, options));
}

class Repmgr implements Peer {
  readonly daemons = new Map<RegionName, Daemon[]>();
  /** With its defaults it gives up after 50 s. */
  readonly patienceMs = 100_000;
  readonly loopMs: number;
  readonly #ground: Ground;
  readonly #options: Pick<RepmgrOptions, 'timings' | 'serviceCommands'>;
  #keys: SshKeys | null = null;

  constructor(ground: Ground, options: Pick<RepmgrOptions, 'timings' | 'serviceCommands'>) {
    this.#ground = ground;
    this.#options = options;
    this.loopMs = options.timings.monitorInterval * 1000;
  }

  /** Both nodes are registered. */
  async start(): Promise<void> {
    const { sides } = this.#ground;
    await makeOwned(this.#ground, 'repmgr');
    this.#keys ??= await layKeys(this.#ground);
    for (const name of regionNames) {
      await changeAutoConf(this.#ground, sides[name], (lines) => [
        ...lines,
        `listen_addresses = '${sides[name].postgres.host}'`,
        `port = ${sides[name].postgres.port}`,
        `unix_socket_directories = ''`,
        `shared_preload_libraries = 'repmgr'`,
      ]);
      await startPostgres(this.#ground, name);
      if (name === 'east') {
        await ask(sides.east, 'CREATE ROLE repmgr SUPERUSER LOGIN');
        await ask(sides.east, 'CREATE DATABASE repmgr OWNER repmgr');
      }
      this.daemons.set(name, [await startSshd(this.#ground, sides[name], this.#keys)]);
    }
    await this.healthy('east');
    for (const name of regionNames) await this.#register(name);
    await this.healthy('east');
  }

  /**
   * Agents watch only while a loss is measured: `standby switchover` would have to pause them
   * first.
   */
  async watch(): Promise<void> {
    for (const name of regionNames) {
      const agent = await startOwned(this.#ground, {
        name: `repmgrd-${name}`,
        file: join(this.#ground.binaries.dir, 'repmgrd'),
        args: ['-f', this.#configFile(name), '--daemonize=false', '--no-pid-file'],
      });
      this.daemons.get(name)?.push(agent);
    }
    // An agent that has just started knows nothing about the other side yet.
    await systemClock.sleep(2 * this.loopMs);
  }

  switchTo(to: RegionName): Promise<void> {
    return this.#repmgr(to, ['standby', 'switchover']);
  }

  async healthy(primary: RegionName): Promise<void> {
    const streams = () => isFollowed(this.#ground.sides[primary]);
    await until('the pair under repmgr streams', streams, { timeoutMs: healthyTimeoutMs });
  }

  async #repmgr(name: RegionName, args: readonly string[]): Promise<void> {
    const { dir, runAs } = this.#ground.binaries;
    await runTool({
      ...{ file: join(dir, 'repmgr'), runAs },
      args: ['-f', this.#configFile(name), ...args],
    });
  }

  /**
   * Registers a node: others are given the address of the link; the node itself continues with its
   * own.
   */
  async #register(name: RegionName): Promise<void> {
    const side = this.#ground.sides[name];
    await this.#writeConfig(side, side.postgresFar);
    await this.#repmgr(name, [name === 'east' ? 'primary' : 'standby', 'register']);
    await this.#writeConfig(side, side.postgres);
  }

  #configFile(name: RegionName): string {
    return join(this.#ground.dir, 'repmgr', `${name}.conf`);
  }

  async #writeConfig(side: Side, address: Endpoint): Promise<void> {
    const file = this.#configFile(side.name);
    const logFile = postgresLog(this.#ground, side.name);
    const config = repmgrConfig(this.#ground, side, { file, address, logFile, ...this.#options });
    await writeOwned(this.#ground, file, config);
  }
}
