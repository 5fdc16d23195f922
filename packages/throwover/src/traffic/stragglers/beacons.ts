import { z } from 'zod';
import type { Clock } from '../../kernel/kernel.ts';
import type { ValueOf } from '../../wire/wire.ts';
import type { BeaconReport } from './wire.ts';

/** Path at which a client reports the name that it has just resolved below the canary zone. */
export const beaconPath = '/.well-known/throwover-beacon/';

/**
 * Most beacons that a door remembers: ten minutes of 16 per second; the canary keeps them as long.
 */
const maxBeacons = 10_000;
const keptMs = 600_000;

/**
 * Returns the nonce of a beacon's path; `null` if it is not one. The nonce is a DNS label, so that
 * nothing else is accepted.
 */
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
    // The first report counts; a repeated one has no new information.
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

/** How often clients of a network were seen behind a resolver, in one minute of life time. */
export const beaconCount = z.strictObject({
  fromWallMs: z.number().nonnegative(),
  toWallMs: z.number().nonnegative(),
  /** The clients' network: /24 or /48. */
  network: z.string().min(1).max(200),
  /** Identity of the resolver. */
  resolver: z.string().min(1).max(200),
  count: z.int().nonnegative(),
});
export type BeaconCount = ValueOf<typeof beaconCount>;

/**
 * Returns which resolvers the clients of each network use: the door saw the network of a nonce, the
 * canary zone's server the resolver that asked for it. Nonces that only one of them saw are
 * ignored.
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

/**
 * With fewer beacons older ones count too: this many give two in the last hundredth of the traffic.
 */
const enoughBeacons = 200;

/**
 * Returns the beacons that tell which clients use which resolver now: those since a
 * time, and earlier ones minute by minute until there are 200. The clients change from hour
 * to hour, so yesterday's beacons tell little.
 */
export function newestBeacons<B extends Pick<BeaconCount, 'fromWallMs' | 'toWallMs' | 'count'>>(
  beacons: readonly B[],
  sinceWallMs: number,
): readonly B[] {
  const sorted = [...beacons].sort((a, b) => b.fromWallMs - a.fromWallMs);
  let count = 0;
  let untilMs = sinceWallMs;
  return sorted.filter((one) => {
    const wanted =
      one.toWallMs > sinceWallMs || count < enoughBeacons || one.fromWallMs === untilMs;
    if (!wanted) return false;
    // Take the whole of a minute or none of it; otherwise the first beacons of a minute would weigh
    // more.
    untilMs = one.fromWallMs;
    count += one.count;
    return true;
  });
}
