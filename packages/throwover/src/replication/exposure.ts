import { bytesOf, type Position } from '@throwover/client';
import { formatMs, isoTime } from '../kernel/kernel.ts';

/**
 * What a failover would lose, from the last known positions, with their age. Pure.
 *
 * A figure is an upper bound or it is `null` (A7): a region that does not answer may still write, so
 * everything since the last moment that is known to be on the new side counts as at risk.
 */

/** The old primary was seen with this position as its newest, at this time. */
export interface Sighting {
  readonly position: Position;
  readonly wallMs: number;
  /** Who saw it: `east's guard`, `west's receiver`. */
  readonly by: string;
}

export type Exposure =
  /** Every acknowledged write is on the new side, or will be before it opens. */
  | { readonly kind: 'none'; readonly why: 'synchronous' | 'closes-first' | 'all-received' }
  | {
      readonly kind: 'at-risk';
      /** Everything acknowledged before this time is on the new side. Wall ms. */
      readonly sinceWallMs: number;
      /** From then until now, ms: the upper bound in time. Grows until the old side is closed. */
      readonly atRiskMs: number;
      /** Written by the old primary and not received, as far as last seen; it may have written more since. */
      readonly missingBytes: number;
      /** Age of that last sight, ms, and whose it was. */
      readonly seenAgoMs: number;
      readonly seenBy: string;
    }
  | { readonly kind: 'unknown'; readonly why: string };

export interface ExposureFacts {
  readonly nowMs: number;
  /** What the new side has on disk; `null` when it does not say. */
  readonly received: Position | null;
  /** The old side answers as a primary, so that it is closed first and then caught up with. */
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

/** For people, in one sentence without a full stop. */
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

/** Reserve over rate x age: bursts, and sequences that cache. */
const idReserveFactor = 10;
/** Age that is assumed when nobody knows since when writes may be missing, ms. */
const assumedAgeMs = 3_600_000;
/** Most that a sequence is advanced: a 32-bit sequence has room for it twenty times. */
const maxAdvance = 100_000_000;
/** Least that a sequence is advanced: what sessions may have cached. */
const minAdvance = 1_000;

export interface SequenceAdvance {
  readonly by: number;
  /** The arithmetic, for people. */
  readonly arithmetic: string;
}

/** Since when the old side may have given out ids that are not known here, ms. */
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
 * How far every sequence is moved on before a lossy promotion opens, so that ids which the old side has
 * given out are not given out again: rate x age x factor.
 */
export function sequenceAdvance(exposure: Exposure, idsPerSecond: number): SequenceAdvance {
  const ageMs = ageOf(exposure);
  const wanted = Math.ceil((idsPerSecond * ageMs * idReserveFactor) / 1_000);
  const by = Math.min(maxAdvance, Math.max(minAdvance, wanted));
  const age = `${formatMs(ageMs)}${exposure.kind === 'unknown' ? ' (assumed)' : ''}`;
  const bounded = by === wanted ? '' : `, bounded to ${by}`;
  return {
    by,
    arithmetic: `${idsPerSecond} ids/s x ${age} x ${idReserveFactor} = ${wanted}${bounded}`,
  };
}
