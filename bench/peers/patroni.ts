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
import { askJson, until } from '../../packages/lab/src/world/json.ts';
import { otherRegion, type RegionName, regionNames } from '../../packages/lab/src/world/map.ts';
import type { FailsOver, Switchable } from '../contender.ts';
import { type Etcd, etcdPrograms, startEtcd } from './etcd.ts';
import {
  changeAutoConf,
  type Ground,
  isFollowed,
  layGround,
  makeOwned,
  startOwned,
  writeOwned,
} from './ground.ts';
import { type Peer, startPair } from './pair.ts';
import { patroniConfig, scope, type Timings } from './patroni-config.ts';
import { type Daemon, postgresUser, runTool } from './process.ts';

const programs = { patroni: '/usr/bin/patroni', patronictl: '/usr/bin/patronictl' } as const;

export const patroniPrograms = [...Object.values(programs), ...etcdPrograms];
export const patroniPackages = ['patroni', 'etcd-server', 'etcd-client', 'postgresql-15'];

/** Longest wait for a healthy pair, ms: two rounds of the default loop and a start. */
const healthyTimeoutMs = 120_000;

export interface PatroniOptions {
  readonly name: string;
  readonly dir: string;
  readonly portBase: number;
  readonly pgBin: string;
  readonly timings: Timings;
}

export async function startPatroni(options: PatroniOptions): Promise<Switchable & FailsOver> {
  const ground = await layGround({ ...options, runAs: await postgresUser() });
  const etcd = await startEtcd(ground).catch(async (error) => {
    await ground.close();
    throw error;
  });
  return startPair(options.name, ground, new Patroni(ground, etcd, options.timings));
}

class Patroni implements Peer {
  readonly daemons = new Map<RegionName, Daemon[]>();
  /** The default ttl, a loop and a promotion, doubled. */
  readonly patienceMs = 120_000;
  readonly loopMs: number;
  readonly #ground: Ground;
  readonly #etcd: Etcd;
  readonly #timings: Timings;

  constructor(ground: Ground, etcd: Etcd, timings: Timings) {
    this.#ground = ground;
    this.#etcd = etcd;
    this.#timings = timings;
    this.loopMs = timings.loopWait * 1000;
  }

  async start(): Promise<void> {
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
    for (const name of regionNames) {
      const agent = { name: `patroni-${name}`, file: programs.patroni };
      const args = [this.#configFile(name)];
      this.daemons.set(name, [await startOwned(this.#ground, { ...agent, args })]);
      if (name === 'east') await this.#leads(name);
    }
    await this.healthy('east');
  }

  async switchTo(to: RegionName): Promise<void> {
    const from = otherRegion(to);
    await runTool({
      file: programs.patronictl,
      runAs: this.#ground.binaries.runAs,
      args: [
        ...['-c', this.#configFile(from), 'switchover', scope],
        ...['--leader', from, '--candidate', to, '--force'],
      ],
    });
  }

  async healthy(leader: RegionName): Promise<void> {
    const isHealthy = async () => {
      const cluster = await this.#cluster(leader);
      const follows = cluster.get('replica');
      return (
        cluster.get('leader')?.name === leader &&
        follows?.name === otherRegion(leader) &&
        follows.lag === 0 &&
        follows.timeline === cluster.get('leader')?.timeline &&
        (await isFollowed(this.#ground.sides[leader]))
      );
    };
    const patience = { timeoutMs: healthyTimeoutMs, pollMs: 200 };
    await until(`Patroni's pair is healthy`, isHealthy, patience);
  }

  close(): Promise<void> {
    return this.#etcd.close();
  }

  async #leads(name: RegionName): Promise<void> {
    const leads = async () => (await this.#cluster(name)).has('leader');
    await until(`Patroni in ${name} leads`, leads, { timeoutMs: healthyTimeoutMs });
  }

  async #cluster(name: RegionName): Promise<ReadonlyMap<string, Member>> {
    const { members } = await askJson<{ members: readonly Member[] }>(
      this.#ground.sides[name].agent,
      '/cluster',
    );
    return new Map(members.map((member) => [member.role, member]));
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
