import type { Clock } from '../../kernel/kernel.ts';

/** Where a client reports the name that it has just resolved below the canary zone. */
export const beaconPath = '/.well-known/throwover-beacon/';

/** Beacons that a door remembers: ten minutes of 16 a second; the canary forgets as fast. */
const maxBeacons = 10_000;
const keptMs = 600_000;

/** `https://door/.well-known/throwover-beacon/NONCE`, asked by a client of `network`. */
export interface BeaconReport {
  readonly nonce: string;
  readonly network: string;
  readonly wallMs: number;
}

/** The nonce of a beacon's path; `null` when it is none. A DNS label, so that nothing else gets in. */
export function beaconNonce(url: string | undefined): string | null {
  if (url === undefined || !url.startsWith(beaconPath)) return null;
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.exec(url.slice(beaconPath.length))?.[0] ?? null;
}

/** The newest beacons of a door. */
export class BeaconLog {
  readonly #clock: Clock;
  readonly #reports = new Map<string, BeaconReport>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(nonce: string, network: string): void {
    // The first report counts: a name that is asked for again says nothing new.
    if (this.#reports.has(nonce)) return;
    this.#reports.set(nonce, { nonce, network, wallMs: this.#clock.wallMs() });
    const [oldest] = this.#reports.keys();
    if (this.#reports.size > maxBeacons && oldest !== undefined) this.#reports.delete(oldest);
  }

  since(wallMs: number): readonly BeaconReport[] {
    const from = Math.max(wallMs, this.#clock.wallMs() - keptMs);
    for (const [nonce, report] of this.#reports) {
      if (report.wallMs >= this.#clock.wallMs() - keptMs) break;
      this.#reports.delete(nonce);
    }
    return [...this.#reports.values()].filter((report) => report.wallMs >= from);
  }
}

/** Clients of a network were seen behind a resolver so often; `wallMs` within the minute of life. */
export interface BeaconCount {
  readonly fromWallMs: number;
  readonly toWallMs: number;
  readonly network: string;
  readonly resolver: string;
  readonly count: number;
}

/**
 * Which resolver the clients of a network stand behind: the door saw the network of a nonce, the canary
 * zone's server the resolver that asked for it. Nonces that only one of them saw say nothing.
 */
export function joinBeacons(
  reports: readonly BeaconReport[],
  resolverOf: ReadonlyMap<string, string>,
  minuteMs = 60_000,
): readonly BeaconCount[] {
  const counts = new Map<string, BeaconCount>();
  for (const { nonce, network, wallMs } of reports) {
    const resolver = resolverOf.get(nonce);
    if (resolver === undefined) continue;
    const fromWallMs = Math.floor(wallMs / minuteMs) * minuteMs;
    const key = JSON.stringify([fromWallMs, network, resolver]);
    const before = counts.get(key);
    counts.set(key, {
      fromWallMs,
      toWallMs: fromWallMs + minuteMs,
      network,
      resolver,
      count: (before?.count ?? 0) + 1,
    });
  }
  return [...counts.values()];
}

/** Beacons as far back as doors and canary remember them tell who is there now; life ms. */
const nowLifeMs = 600_000;

/** Where they are fewer, older ones count too: two in the last hundredth of the traffic. */
const enoughBeacons = 200;

/**
 * Those that tell who stands behind which resolver now: of the last ten minutes of life, and before them
 * minute by minute until there are 200. Crowds move from hour to hour, and yesterday's says little.
 */
export function newestBeacons<B extends Pick<BeaconCount, 'fromWallMs' | 'toWallMs' | 'count'>>(
  beacons: readonly B[],
  { nowWallMs, timeScale }: { readonly nowWallMs: number; readonly timeScale: number },
): readonly B[] {
  const sinceMs = nowWallMs - nowLifeMs / timeScale;
  const sorted = [...beacons].sort((a, b) => b.fromWallMs - a.fromWallMs);
  let count = 0;
  let untilMs = sinceMs;
  return sorted.filter((one) => {
    const wanted = one.toWallMs > sinceMs || count < enoughBeacons || one.fromWallMs === untilMs;
    if (!wanted) return false;
    // The whole of a minute, or none of it: else who comes first in it would weigh more.
    untilMs = one.fromWallMs;
    count += one.count;
    return true;
  });
}
