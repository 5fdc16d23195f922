import { bytesOf, type Position } from '@throwover/client';
import { formatMs, isoTime } from '../kernel/kernel.ts';
import type { Sighting } from './lag-calls.ts';
import type { Exposure } from './outcomes.ts';

/**
 * Computes the possible loss of a failover from the last known positions, with their age. Pure.
 *
 * A figure is an upper bound or `null` (A7). A region that does not answer may still write, so all
 * writes since the last moment that is known to be on the new side are at risk.
 */

export interface ExposureFacts {
  readonly nowMs: number;
  /** The position that the new side has on disk; `null` if it does not tell. */
  readonly received: Position | null;
  /**
   * The old side answers as a primary: the failover closes it first and then waits for the rest of
   * its writes.
   */
  readonly oldAnswers: boolean;
  /** Synchronous mode: every acknowledged write is on the new side. `null`: asynchronous, or not known. */
  readonly inSync: boolean | null;
  readonly sightings: readonly Sighting[];
}

export function exposureOf(facts: ExposureFacts): Exposure {
  const { nowMs, received, oldAnswers, inSync, sightings } = facts;
  if (inSync === true) return { kind: 'none', why: 'synchronous' };
  if (oldAnswers) return { kind: 'none', why: 'closes-first' };
  if (received === null) return { kind: 'unknown', why: 'the new side does not say what it has' };
  const have = bytesOf(received);
  const newest = latest(sightings);
  const covered = latest(sightings.filter(({ position }) => bytesOf(position) <= have));
  if (newest === null)
    return { kind: 'unknown', why: 'nobody has seen the old primary’s position' };
  if (covered === null) {
    return { kind: 'unknown', why: 'no moment is known whose writes are all on the new side' };
  }
  const missing = bytesOf(newest.position) - have;
  return {
    kind: 'at-risk',
    sinceWallMs: covered.wallMs,
    atRiskMs: Math.max(0, nowMs - covered.wallMs),
    missingBytes: missing > 0n ? Number(missing) : 0,
    seenAgoMs: Math.max(0, nowMs - newest.wallMs),
    seenBy: newest.by,
  };
}

/** Whether the loss may be above the bound; what is not known may be. */
export function aboveBound(exposure: Exposure, boundMs: number): boolean {
  switch (exposure.kind) {
    case 'none':
      return false;
    case 'at-risk':
      return exposure.atRiskMs > boundMs;
    case 'unknown':
      return true;
  }
}

/** Returns the exposure for people, in one sentence without a full stop. */
export function exposureText(exposure: Exposure, from: string): string {
  switch (exposure.kind) {
    case 'none':
      return noneTexts[exposure.why](from);
    case 'at-risk': {
      const { sinceWallMs, atRiskMs, missingBytes, seenAgoMs, seenBy } = exposure;
      const since = isoTime(sinceWallMs).slice(11, 19);
      return `every write that ${from} acknowledged since ${since} UTC (${formatMs(atRiskMs)} until now); when last seen, ${formatMs(seenAgoMs)} ago by ${seenBy}, ${missingBytes} bytes were missing`;
    }
    case 'unknown':
      return `UNKNOWN: ${exposure.why}`;
  }
}

const noneTexts = {
  synchronous: () => 'no acknowledged write: every commit waited for the standby',
  'closes-first': (from: string) =>
    `no acknowledged write, if ${from} closes when it is asked to: it answers now`,
  'all-received': () => 'no acknowledged write: everything was received',
} as const;

function latest(sightings: readonly Sighting[]): Sighting | null {
  return sightings.reduce<Sighting | null>(
    (best, sighting) => (best === null || sighting.wallMs > best.wallMs ? sighting : best),
    null,
  );
}

/** Reserve factor over rate x age, for bursts and for sequences that cache ids. */
const idReserveFactor = 10;
/** Age that is assumed when it is unknown since when writes may be missing, ms. */
const assumedAgeMs = 3_600_000;
/** Largest advance of a sequence: a 32-bit sequence has room for about twenty of them. */
const maxAdvance = 100_000_000;
/** Smallest advance of a sequence, for the ids that sessions may have cached. */
const minAdvance = 1_000;

/** How long the old side may have given out ids that are not known here, ms. */
function ageOf(exposure: Exposure): number {
  switch (exposure.kind) {
    case 'none':
      return 0;
    case 'at-risk':
      return exposure.atRiskMs;
    case 'unknown':
      return assumedAgeMs;
  }
}

/**
 * Returns how far every sequence is advanced before the database opens after a lossy promotion, so
 * that ids from the old side are not given out again: rate x age x factor.
 */
export function sequenceAdvance(exposure: Exposure, idsPerSecond: number) {
  const ageMs = ageOf(exposure);
  const wanted = Math.ceil((idsPerSecond * ageMs * idReserveFactor) / 1_000);
  const by = Math.min(maxAdvance, Math.max(minAdvance, wanted));
  const age = `${formatMs(ageMs)}${exposure.kind === 'unknown' ? ' (assumed)' : ''}`;
  const bounded = by === wanted ? '' : `, bounded to ${by}`;
  return {
    by,
    /** For people. */
    arithmetic: `${idsPerSecond} ids/s x ${age} x ${idReserveFactor} = ${wanted}${bounded}`,
  };
}
