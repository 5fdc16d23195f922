import type { Write } from '../database/history-of-writes.ts';
import type { Facts } from './facts.ts';

/**
 * Longest time that writers may get in before a healthy guard has closed again, ms: a round of one
 * second, plus its slow calls.
 */
const windowMs = 4_000;

/** Faults that stop a guard's rounds, or disturb its work in them. */
const hinders = /kill-guard|stop-guard|stand|database-fails|disk-full|lose-region|crash-database/;

/**
 * Whether another party let writers into this region, and its guard could not have closed it again
 * yet.
 */
export function openedBySomebody(facts: Facts, region: string, atMs: number): boolean {
  const faults = facts.all('fault');
  const { healedMs } = facts.ending;
  const untilMs = faults
    .filter(({ what }) => hinders.test(what) && what.includes(`"${region}"`))
    .map((fault) => (fault.atMs <= healedMs ? healedMs : fault.atMs + lastsMs(fault)) + windowMs)
    .reduce((latest, ms) => Math.max(latest, ms), Number.NEGATIVE_INFINITY);
  const opened = [
    ...faults.filter(
      ({ what }) => what.startsWith('somebody-opens') && what.includes(`"${region}"`),
    ),
    ...facts.all('slipped-in').filter((one) => one.region === region),
  ];
  return opened.some((one) => one.atMs <= atMs && (atMs <= one.atMs + windowMs || atMs <= untilMs));
}

/** How long a fault lasts that strikes after the healing, which ends the earlier ones, ms. */
function lastsMs({ what }: { readonly what: string }): number {
  return Number(/"forMs":([\d.]+)/.exec(what)?.[1] ?? 0);
}

/**
 * Whether the write was acknowledged in such a window: throwover makes no promise about it, but the
 * ledger must have it.
 */
export function inWindow(facts: Facts, { region, acknowledgedMs, committedMs }: Write): boolean {
  return openedBySomebody(facts, region, acknowledgedMs ?? committedMs);
}
