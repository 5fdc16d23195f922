import { systemClock } from 'throwover/kernel';
import { freeze, kill } from '../../packages/lab/src/faults/process-tree.ts';
import { postmasterPid } from '../../packages/lab/src/postgres/postgres.ts';
import { otherRegion, type RegionName, regionNames } from '../../packages/lab/src/world/map.ts';
import type { FailsOver, Loss, Switchable } from '../contender.ts';
import { type Load, loseUnderLoad, switchUnderLoad } from '../load.ts';
import type { Ground } from './ground.ts';
import type { Daemon } from './process.ts';

/** What Patroni and repmgr do in their own ways with a pair of databases. */
export interface Peer {
  /** Its processes in each region, without PostgreSQL's own. */
  readonly daemons: Map<RegionName, Daemon[]>;
  /** How often its agents look at the other side, ms. */
  readonly loopMs: number;
  /** Longest time from a loss to the first write, ms. */
  readonly patienceMs: number;
  /** Starts the pair when nothing runs and all data is fresh: `east` is primary, `west` follows. */
  start(): Promise<void>;
  /** Starts agents that run only while a loss is measured. */
  watch?(): Promise<void>;
  switchTo(to: RegionName): Promise<void>;
  /** Waits until the other side streams from this one, and the next switch is accepted. */
  healthy(primary: RegionName): Promise<void>;
  close?(): Promise<void>;
}

export async function startPair(
  name: string,
  ground: Ground,
  peer: Peer,
): Promise<Switchable & FailsOver> {
  const pair = new Pair(name, ground, peer);
  try {
    await pair.startFresh();
  } catch (error) {
    await pair.close();
    throw error;
  }
  return pair;
}

class Pair implements Switchable, FailsOver {
  readonly name: string;
  readonly #ground: Ground;
  readonly #peer: Peer;
  #primary: RegionName = 'east';

  constructor(name: string, ground: Ground, peer: Peer) {
    this.name = name;
    this.#ground = ground;
    this.#peer = peer;
  }

  setLatency(latencyMs: number): Promise<void> {
    return this.#ground.setLatency(latencyMs);
  }

  async switchover(round: number) {
    const to = otherRegion(this.#primary);
    const measured = await switchUnderLoad(this.#load(round), () => this.#peer.switchTo(to));
    this.#primary = to;
    await this.#peer.healthy(to);
    return measured;
  }

  async failover(round: number, loss: Loss) {
    const lost = this.#primary;
    await this.#peer.watch?.();
    const roots = await this.#roots(lost);
    const measured = await loseUnderLoad(this.#load(round), {
      afterMs: spreadPhase(round, this.#peer.loopMs),
      lose: async () => {
        if (loss === 'kill') return kill(roots);
        await this.#ground.cut(lost);
        await freeze(roots);
      },
    });
    await this.startFresh();
    return measured;
  }

  /** Restores the first state from any state. */
  async startFresh(): Promise<void> {
    await this.#killAll();
    await this.#ground.cut(null);
    await this.#ground.databases.reset();
    this.#primary = 'east';
    await this.#peer.start();
  }

  async close(): Promise<void> {
    await this.#killAll();
    await this.#peer.close?.();
    await this.#ground.close();
  }

  #load(round: number): Load {
    const { sides } = this.#ground;
    return {
      sides: [sides[this.#primary].postgres, sides[otherRegion(this.#primary)].postgres],
      prefix: `${this.name}-${systemClock.wallMs()}-${round}`,
      patienceMs: this.#peer.patienceMs,
    };
  }

  async #roots(name: RegionName): Promise<readonly number[]> {
    const postmaster = await postmasterPid(this.#ground.sides[name].dataDir);
    const daemons = this.#peer.daemons.get(name)?.map(({ pid }) => pid) ?? [];
    return [...daemons, postmaster].filter((pid) => pid !== null);
  }

  async #killAll(): Promise<void> {
    const roots = await Promise.all(regionNames.map((name) => this.#roots(name)));
    await kill(roots.flat());
    this.#peer.daemons.clear();
  }
}

/** The golden ratio's fraction: its multiples fill an interval evenly, however many there are. */
const goldenFraction = 0.618_033_988_749_895;

/**
 * Returns the time of a round's loss within an agent's loop, ms. How long a loss goes unnoticed
 * depends on it, and rounds that all begin right after a fresh start would meet the same point of
 * the loop.
 */
export function spreadPhase(round: number, loopMs: number): number {
  return ((round * goldenFraction) % 1) * loopMs;
}
