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
import { freeze, kill } from '../../packages/lab/src/faults/process-tree.ts';
import { postmasterPid, startServer } from '../../packages/lab/src/postgres/postgres.ts';
import { until } from '../../packages/lab/src/world/json.ts';
import { otherRegion, type RegionName, regionNames } from '../../packages/lab/src/world/map.ts';
import type { FailsOver, Loss, Switchable } from '../contender.ts';
import { type Load, loseUnderLoad, switchUnderLoad } from '../load.ts';
import {
  ask,
  changeAutoConf,
  type Ground,
  isFollowed,
  layGround,
  makeOwned,
  type Side,
  writeOwned,
} from './ground.ts';
import { spreadPhase } from './phase.ts';
import { type Daemon, runTool, startDaemon } from './process.ts';
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

/** Longest time from a loss to the first write, ms: with its defaults it gives up after 50 s. */
const patienceMs = 100_000;

export interface RepmgrOptions {
  readonly name: string;
  readonly dir: string;
  readonly portBase: number;
  readonly pgBin: string;
  readonly timings: Timings;
  readonly serviceCommands: ServiceCommands;
}

export async function startRepmgr(options: RepmgrOptions): Promise<Switchable & FailsOver> {
  const ground = await layGround(options);
  const pair = new RepmgrPair(ground, options);
  try {
    await pair.startFresh();
  } catch (error) {
    await pair.close();
    throw error;
  }
  return pair;
}

class RepmgrPair implements Switchable, FailsOver {
  readonly name: string;
  readonly #ground: Ground;
  readonly #timings: Timings;
  readonly #serviceCommands: ServiceCommands;
  readonly #daemons = new Map<RegionName, Daemon[]>();
  #keys: SshKeys | null = null;
  #primary: RegionName = 'east';

  constructor(
    ground: Ground,
    options: Pick<RepmgrOptions, 'name' | 'timings' | 'serviceCommands'>,
  ) {
    this.#ground = ground;
    this.#timings = options.timings;
    this.#serviceCommands = options.serviceCommands;
    this.name = options.name;
  }

  setLatency(latencyMs: number): Promise<void> {
    return this.#ground.setLatency(latencyMs);
  }

  async switchover(round: number) {
    const to = otherRegion(this.#primary);
    const measured = await switchUnderLoad(this.#load(round), () =>
      this.#repmgr(to, ['standby', 'switchover']),
    );
    this.#primary = to;
    await this.#healthy();
    return measured;
  }

  /**
   * Agents watch only while a loss is measured: `standby switchover` would have to pause them
   * first.
   */
  async failover(round: number, loss: Loss) {
    const lost = this.#primary;
    for (const name of regionNames) await this.#startAgent(name);
    // An agent that has just started knows nothing about the other side yet.
    await systemClock.sleep(2 * this.#timings.monitorInterval * 1000);
    const roots = await this.#roots(lost);
    const measured = await loseUnderLoad(this.#load(round), {
      afterMs: spreadPhase(round, this.#timings.monitorInterval * 1000),
      lose: async () => {
        if (loss === 'kill') return kill(roots);
        await this.#ground.cut(lost);
        await freeze(roots);
      },
    });
    await this.startFresh();
    return measured;
  }

  /**
   * Restores the first state from any state: `east` is primary, `west` follows, both registered.
   */
  async startFresh(): Promise<void> {
    const { databases, sides } = this.#ground;
    await this.#killAll();
    await this.#ground.cut(null);
    await databases.reset();
    await makeOwned(this.#ground, 'repmgr');
    this.#keys ??= await layKeys(this.#ground);
    this.#primary = 'east';
    for (const name of regionNames) {
      await changeAutoConf(this.#ground, sides[name], (lines) => [
        ...lines,
        `listen_addresses = '${sides[name].postgres.host}'`,
        `port = ${sides[name].postgres.port}`,
        `unix_socket_directories = ''`,
        `shared_preload_libraries = 'repmgr'`,
      ]);
      await this.#startServer(name);
      if (name === 'east') {
        await ask(sides.east, 'CREATE ROLE repmgr SUPERUSER LOGIN');
        await ask(sides.east, 'CREATE DATABASE repmgr OWNER repmgr');
      }
      this.#daemons.set(name, [await startSshd(this.#ground, sides[name], this.#keys)]);
    }
    await this.#healthy();
    for (const name of regionNames) await this.#register(name);
    await this.#healthy();
  }

  async close(): Promise<void> {
    await this.#killAll();
    await this.#ground.close();
  }

  #load(round: number): Load {
    const { sides } = this.#ground;
    const prefix = `${this.name}-${systemClock.wallMs()}-${round}`;
    const at = [this.#primary, otherRegion(this.#primary)] as const;
    return {
      sides: [sides[at[0]].postgres, sides[at[1]].postgres],
      ...{ prefix, patienceMs },
    };
  }

  async #repmgr(name: RegionName, args: readonly string[]): Promise<void> {
    await runTool({
      file: join(this.#ground.binaries.dir, 'repmgr'),
      runAs: this.#ground.runAs,
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

  async #startAgent(name: RegionName): Promise<void> {
    const agent = await startDaemon({
      name: `repmgrd-${name}`,
      logDir: join(this.#ground.dir, 'logs'),
      file: join(this.#ground.binaries.dir, 'repmgrd'),
      args: ['-f', this.#configFile(name), '--daemonize=false', '--no-pid-file'],
      runAs: this.#ground.runAs,
    });
    this.#daemons.get(name)?.push(agent);
  }

  async #startServer(name: RegionName): Promise<void> {
    const { binaries, sides } = this.#ground;
    const { dataDir, postgres } = sides[name];
    const logFile = this.#logFile(name);
    await writeOwned(this.#ground, logFile, '');
    await startServer({ binaries, dataDir, address: postgres, logFile });
  }

  async #healthy(): Promise<void> {
    await until(
      'the pair under repmgr streams',
      () => isFollowed(this.#ground.sides[this.#primary]),
      {
        timeoutMs: healthyTimeoutMs,
      },
    );
  }

  async #roots(name: RegionName): Promise<readonly number[]> {
    const postmaster = await postmasterPid(this.#ground.sides[name].dataDir);
    const daemons = this.#daemons.get(name)?.map(({ pid }) => pid) ?? [];
    return [...daemons, postmaster].filter((pid) => pid !== null);
  }

  async #killAll(): Promise<void> {
    const roots = await Promise.all(regionNames.map((name) => this.#roots(name)));
    await kill(roots.flat());
    this.#daemons.clear();
  }

  #configFile(name: RegionName): string {
    return join(this.#ground.dir, 'repmgr', `${name}.conf`);
  }

  async #writeConfig(side: Side, address: Endpoint): Promise<void> {
    const file = this.#configFile(side.name);
    await writeOwned(
      this.#ground,
      file,
      repmgrConfig(this.#ground, side, {
        ...{ file, address, logFile: this.#logFile(side.name) },
        timings: this.#timings,
        serviceCommands: this.#serviceCommands,
      }),
    );
  }

  #logFile(name: RegionName): string {
    return join(this.#ground.dir, 'repmgr', `${name}-postgres.log`);
  }
}
