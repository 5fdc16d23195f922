import type { Clock } from '../../kernel/kernel.ts';
import { Histogram } from './histogram.ts';
import type { Origin } from './origin.ts';
import type { EpochReport } from './wire.ts';

/** When a request came and when its connection was opened, monotonic ms. */
export interface Came {
  readonly openedMs: number;
  readonly arrivedMs: number;
}

/** Number of epochs that are kept; each of several runs in a row may need the one before. */
const maxEpochs = 4;

/**
 * Number of buckets of an epoch, from its beginning: two hours of 1 s. The longest hold that was
 * seen is 15 min.
 */
const maxBuckets = 7_200;

/** Most networks and agents that are distinguished; further ones count as `other`. */
const maxNetworks = 512;
const maxAgents = 64;

/** (bucket, network) pairs: about 1 MB. Beyond it a network counts as `other`. */
const maxCells = 20_000;

const other = 'other';

interface MeterOptions {
  readonly clock: Clock;
  readonly bucketMs: number;
}

/** Counts stragglers and all requests of a door, in bounded memory. */
export class StragglerMeter {
  readonly #options: MeterOptions;
  readonly #epochs = new Map<number, EpochCounts>();
  #now: EpochCounts | null = null;

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  /** Starts counting for this role; the same role in the same epoch changes nothing. */
  begin(epoch: number, role: EpochReport['role'], sinceWallMs: number): void {
    const known = this.#epochs.get(epoch);
    if (known?.role === role) {
      this.#now = known;
      return;
    }
    this.#now = new EpochCounts({ epoch, role, sinceWallMs }, this.#options);
    this.#epochs.delete(epoch);
    this.#epochs.set(epoch, this.#now);
    const [oldest] = this.#epochs.keys();
    if (this.#epochs.size > maxEpochs && oldest !== undefined) this.#epochs.delete(oldest);
  }

  direct(): void {
    this.#now?.direct();
  }

  straggler(origin: Origin, came: Came): void {
    this.#now?.straggler(origin, came);
  }

  added(ms: number): void {
    this.#now?.added(ms);
  }

  /** Oldest first. */
  report(sinceEpoch: number): readonly EpochReport[] {
    return [...this.#epochs.values()]
      .filter(({ epoch }) => epoch >= sinceEpoch)
      .map((counts) => counts.report());
  }
}

class EpochCounts {
  readonly epoch: number;
  readonly role: EpochReport['role'];
  readonly #clock: Clock;
  readonly #bucketMs: number;
  readonly #sinceWallMs: number;
  /**
   * Wall time at the start, continued with the monotonic clock: setting the wall clock must not
   * move a bucket.
   */
  readonly #countedFrom: { readonly wallMs: number; readonly monotonicMs: number };
  readonly #direct = new Map<number, number>();
  readonly #networks = new Map<string, number>();
  readonly #cells = new Map<number, { pinned: number; fresh: number }>();
  readonly #agents = new Map<string, number>();
  readonly #added = new Histogram();
  readonly #late = { direct: 0, stragglers: 0 };

  constructor(
    { epoch, role, sinceWallMs }: Pick<EpochReport, 'epoch' | 'role' | 'sinceWallMs'>,
    { clock, bucketMs }: MeterOptions,
  ) {
    this.epoch = epoch;
    this.role = role;
    this.#clock = clock;
    this.#bucketMs = bucketMs;
    this.#sinceWallMs = sinceWallMs;
    this.#countedFrom = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  }

  direct(): void {
    const bucket = this.#bucket(this.#clock.monotonicMs());
    if (bucket === null) this.#late.direct += 1;
    else this.#direct.set(bucket, (this.#direct.get(bucket) ?? 0) + 1);
  }

  straggler({ network, agent }: Origin, { openedMs, arrivedMs }: Came): void {
    this.#agent(agent);
    const bucket = this.#bucket(arrivedMs);
    if (bucket === null) {
      this.#late.stragglers += 1;
      return;
    }
    const cell = this.#cell(bucket, network);
    if (openedMs < this.#countedFrom.monotonicMs) cell.pinned += 1;
    else cell.fresh += 1;
  }

  added(ms: number): void {
    this.#added.add(Math.max(0, ms));
  }

  report(): EpochReport {
    const { count } = this.#added;
    const [p50, p99] = [this.#added.quantile(0.5), this.#added.quantile(0.99)];
    return {
      epoch: this.epoch,
      role: this.role,
      sinceWallMs: this.#sinceWallMs,
      countedFromWallMs: this.#countedFrom.wallMs,
      bucketMs: this.#bucketMs,
      direct: [...this.#direct],
      networks: [...this.#networks.keys()],
      cells: [...this.#cells].map(([key, { pinned, fresh }]) => [
        Math.floor(key / (maxNetworks + 1)),
        key % (maxNetworks + 1),
        pinned,
        fresh,
      ]),
      agents: [...this.#agents]
        .map(([agent, requests]) => ({ agent, requests }))
        .sort((a, b) => b.requests - a.requests),
      late: { ...this.#late },
      addedMs: p50 === null || p99 === null ? null : { count, p50, p99 },
    };
  }

  /** `null`: it is so long after the beginning that buckets are no longer kept. */
  #bucket(arrivedMs: number): number | null {
    const { wallMs, monotonicMs } = this.#countedFrom;
    const atMs = wallMs + arrivedMs - monotonicMs;
    if (atMs - this.#sinceWallMs >= maxBuckets * this.#bucketMs) return null;
    return Math.floor(atMs / this.#bucketMs);
  }

  #cell(bucket: number, network: string) {
    const known = this.#cells.get(keyOf(bucket, this.#network(network)));
    if (known !== undefined) return known;
    const full = this.#cells.size >= maxCells;
    const key = keyOf(bucket, this.#network(full ? other : network));
    const cell = this.#cells.get(key) ?? { pinned: 0, fresh: 0 };
    this.#cells.set(key, cell);
    return cell;
  }

  #network(name: string): number {
    const known = this.#networks.get(name);
    if (known !== undefined) return known;
    const room = this.#networks.size < maxNetworks || name === other;
    if (!room) return this.#network(other);
    this.#networks.set(name, this.#networks.size);
    return this.#networks.size - 1;
  }

  #agent(name: string): void {
    const room = this.#agents.has(name) || this.#agents.size < maxAgents;
    const key = room ? name : other;
    this.#agents.set(key, (this.#agents.get(key) ?? 0) + 1);
  }
}

/** A bucket number is below 2^41 at 1 ms, and a network below 2^10: exact in a double. */
const keyOf = (bucket: number, network: number) => bucket * (maxNetworks + 1) + network;
