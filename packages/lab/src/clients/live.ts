import type { RequestRecord } from 'throwover';
import { type Clock, quantiles } from 'throwover/kernel';

/** Width of the window that a live display shows, ms. */
const windowMs = 1_000;

/** The figures that clients saw in the last second. */
export class Live {
  readonly #clock: Clock;
  readonly #regions: readonly string[];
  #recent: RequestRecord[] = [];

  constructor(regions: readonly string[], clock: Clock) {
    this.#regions = regions;
    this.#clock = clock;
  }

  add(record: RequestRecord): void {
    this.#recent.push(record);
    this.#forget();
  }

  figures() {
    this.#forget();
    const all = this.#recent;
    const regions = this.#regions.map((name) => {
      const own = all.filter(({ region }) => region === name);
      const share = (count: number) => (all.length === 0 ? 0 : count / all.length);
      return [
        name,
        {
          perSecond: own.length,
          share: share(own.length),
          failed: failedOf(own),
          p99Ms: p99(own),
          /** Share of all requests that entered by this region. */
          entryShare: share(all.filter(({ entry }) => entry === name).length),
        },
      ] as const;
    });
    return {
      /** Requests that ended in the last second. */
      perSecond: all.length,
      failed: failedOf(all),
      stale: all.filter(({ stale }) => stale).length,
      p99Ms: p99(all),
      /** Figures by the region that answered; requests without an answer are not included. */
      regions: Object.fromEntries(regions),
    };
  }

  #forget(): void {
    const sinceMs = this.#clock.wallMs() - windowMs;
    const first = this.#recent.findIndex(({ endMs }) => endMs > sinceMs);
    if (first !== 0) this.#recent = first < 0 ? [] : this.#recent.slice(first);
  }
}

const failedOf = (records: readonly RequestRecord[]) =>
  records.filter(({ ok, stale }) => !ok && !stale).length;

const p99 = (records: readonly RequestRecord[]) =>
  quantiles(records.map(({ sentMs, endMs }) => endMs - sentMs))?.p99 ?? null;
