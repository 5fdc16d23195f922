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
 * Whether somebody has just put a file with the closure's lines there. Any reload loads it, also a reload
 * that the guard does for another setting.
 */
export function closedBySomebody(facts: Facts, region: string, atMs: number): boolean {
  return fileJustPut(facts, { by: 'somebody-closes', region, atMs });
}

/**
 * Whether somebody has just put an open file there. A server that starts at that moment loads it,
 * although its guard wrote the closed one first.
 */
export function openFileBySomebody(facts: Facts, region: string, atMs: number): boolean {
  return fileJustPut(facts, { by: 'somebody-opens', region, atMs });
}

function fileJustPut(
  facts: Facts,
  { by, region, atMs }: { by: string; region: string; atMs: number },
): boolean {
  return facts
    .all('fault')
    .some(
      ({ what, atMs: at }) =>
        what.startsWith(by) &&
        !what.includes('"session"') &&
        what.includes(`"${region}"`) &&
        at <= atMs &&
        atMs <= at + windowMs,
    );
}

/**
 * Whether the write was acknowledged in such a window: throwover makes no promise about it, but the
 * ledger must have it.
 */
export function inWindow(facts: Facts, { region, acknowledgedMs, committedMs }: Write): boolean {
  return openedBySomebody(facts, region, acknowledgedMs ?? committedMs);
}
