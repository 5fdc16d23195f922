/**
 * Patroni 3 with etcd, as Debian ships them, set up as its documentation advises.
 *
 * - One Patroni beside each PostgreSQL; etcd's v3 API; etcd in the third place (etcd.ts).
 * - Asynchronous replication, replication slots, pg_rewind on, no watchdog: its template's values.
 * - ttl 30, loop_wait 10, retry_timeout 10 (its defaults) unless the bench sets other timings.
 * - Each region's Patroni and PostgreSQL are announced to the other region by the address of the
 *   link, so replication and REST calls between regions have the latency. `patronictl` runs beside
 *   the leader.
 * - PostgreSQL's settings are those of the other contenders (packages/lab/src/postgres/schema.ts);
 *   those that Patroni insists on managing are given to it with the same values.
 * - The databases exist already: the documented way of converting a pair to Patroni.
 * - The writer reaches both databases directly. Behind HAProxy, Patroni's documented template,
 *   clients see a longer gap (its health check has to fail and rise first): not counted against it.
 */
import { join } from 'node:path';
import { systemClock } from 'throwover/kernel';
import { freeze, kill } from '../../packages/lab/src/faults/process-tree.ts';
import { postmasterPid } from '../../packages/lab/src/postgres/postgres.ts';
import { askJson, until } from '../../packages/lab/src/world/json.ts';
import { otherRegion, type RegionName, regionNames } from '../../packages/lab/src/world/map.ts';
import type { FailsOver, Switchable } from '../contender.ts';
import { type Load, loseUnderLoad, switchUnderLoad } from '../load.ts';
import { type Etcd, etcdPrograms, startEtcd } from './etcd.ts';
import {
  changeAutoConf,
  type Ground,
  isFollowed,
  layGround,
  makeOwned,
  writeOwned,
} from './ground.ts';
import { patroniConfig, scope, type Timings } from './patroni-config.ts';
import { spreadPhase } from './phase.ts';
import { type Daemon, runTool, startDaemon } from './process.ts';

export const patroniPrograms = ['/usr/bin/patroni', '/usr/bin/patronictl', ...etcdPrograms];
export const patroniPackages = ['patroni', 'etcd-server', 'etcd-client', 'postgresql-15'];

/** Longest wait for a healthy pair, ms: two rounds of the default loop and a start. */
const healthyTimeoutMs = 120_000;

/**
 * Longest time from a loss to the first write, ms: the default ttl, a loop and a promotion,
 * doubled.
 */
const patienceMs = 120_000;

export interface PatroniOptions {
  readonly name: string;
  readonly dir: string;
  readonly portBase: number;
  readonly pgBin: string;
  readonly timings: Timings;
}

export async function startPatroni(options: PatroniOptions): Promise<Switchable & FailsOver> {
  const ground = await layGround(options);
  const etcd = await startEtcd(ground).catch(async (error) => {
    await ground.close();
    throw error;
  });
  const pair = new PatroniPair(ground, etcd, options);
  try {
    await pair.startFresh();
  } catch (error) {
    await pair.close();
    throw error;
  }
  return pair;
}

class PatroniPair implements Switchable, FailsOver {
  readonly name: string;
  readonly #ground: Ground;
  readonly #etcd: Etcd;
  readonly #timings: Timings;
  readonly #agents = new Map<RegionName, Daemon>();
  #primary: RegionName = 'east';

  constructor(ground: Ground, etcd: Etcd, options: Pick<PatroniOptions, 'name' | 'timings'>) {
    this.name = options.name;
    this.#ground = ground;
    this.#etcd = etcd;
    this.#timings = options.timings;
  }

  setLatency(latencyMs: number): Promise<void> {
    return this.#ground.setLatency(latencyMs);
  }

  async switchover(round: number) {
    const [from, to] = [this.#primary, otherRegion(this.#primary)];
    const measured = await switchUnderLoad(this.#load(round), async () => {
      await runTool({
        file: patroniPrograms[1] ?? '',
        runAs: this.#ground.runAs,
        args: [
          ...['-c', this.#configFile(from), 'switchover', scope],
          ...['--leader', from, '--candidate', to, '--force'],
        ],
      });
    });
    this.#primary = to;
    await this.#healthy();
    return measured;
  }

  async failover(round: number, loss: 'kill' | 'freeze') {
    const lost = this.#primary;
    const roots = await this.#roots(lost);
    const measured = await loseUnderLoad(this.#load(round), {
      afterMs: spreadPhase(round, this.#timings.loopWait * 1000),
      lose: async () => {
        if (loss === 'kill') return kill(roots);
        await this.#ground.cut(lost);
        await freeze(roots);
      },
    });
    await this.startFresh();
    return measured;
  }

  /** Restores the first state from any state: `east` leads, `west` follows. */
  async startFresh(): Promise<void> {
    await this.#killAll();
    await this.#ground.cut(null);
    await this.#ground.databases.reset();
    await this.#etcd.forget('/service/');
    await makeOwned(this.#ground, 'patroni');
    for (const name of regionNames) {
      await changeAutoConf(this.#ground, this.#ground.sides[name], (lines) =>
        // Patroni decides where a standby streams from.
        lines.filter((line) => !/^(primary_conninfo|recovery_target_timeline)/.test(line)),
      );
      const config = patroniConfig(this.#ground, name, {
        etcd: this.#etcd.address,
        timings: this.#timings,
      });
      await writeOwned(this.#ground, this.#configFile(name), config);
    }
    this.#primary = 'east';
    for (const name of regionNames) {
      this.#agents.set(name, await this.#startAgent(name));
      if (name === this.#primary) await this.#leads(name);
    }
    await this.#healthy();
  }

  async close(): Promise<void> {
    await this.#killAll();
    await this.#etcd.close();
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

  #startAgent(name: RegionName): Promise<Daemon> {
    return startDaemon({
      name: `patroni-${name}`,
      logDir: join(this.#ground.dir, 'logs'),
      file: patroniPrograms[0] ?? '',
      args: [this.#configFile(name)],
      runAs: this.#ground.runAs,
    });
  }

  async #leads(name: RegionName): Promise<void> {
    await until(`Patroni in ${name} leads`, async () => (await this.#cluster(name)).has('leader'), {
      timeoutMs: healthyTimeoutMs,
    });
  }

  /**
   * Waits until the other side streams from the leader and Patroni knows it: then the next switch
   * is accepted.
   */
  async #healthy(): Promise<void> {
    const leader = this.#primary;
    await until(
      `Patroni's pair is healthy`,
      async () => {
        const cluster = await this.#cluster(leader);
        const follows = cluster.get('replica');
        return (
          cluster.get('leader')?.name === leader &&
          follows?.name === otherRegion(leader) &&
          follows.lag === 0 &&
          follows.timeline === cluster.get('leader')?.timeline &&
          (await isFollowed(this.#ground.sides[leader]))
        );
      },
      { timeoutMs: healthyTimeoutMs, pollMs: 200 },
    );
  }

  async #cluster(name: RegionName): Promise<ReadonlyMap<string, Member>> {
    const { members } = await askJson<{ members: readonly Member[] }>(
      this.#ground.sides[name].agent,
      '/cluster',
    );
    return new Map(members.map((member) => [member.role, member]));
  }

  async #roots(name: RegionName): Promise<readonly number[]> {
    const postmaster = await postmasterPid(this.#ground.sides[name].dataDir);
    const agent = this.#agents.get(name)?.pid;
    return [agent, postmaster].filter((pid) => typeof pid === 'number');
  }

  async #killAll(): Promise<void> {
    const roots = await Promise.all(regionNames.map((name) => this.#roots(name)));
    await kill(roots.flat());
    this.#agents.clear();
  }

  #configFile(name: RegionName): string {
    return join(this.#ground.dir, 'patroni', `${name}.yml`);
  }
}

interface Member {
  readonly name: string;
  readonly role: string;
  readonly lag?: number;
  readonly timeline?: number;
}
