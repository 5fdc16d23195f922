import { z } from 'zod';
import type { ValueOf } from '../../wire/wire.ts';

export const behaviours = [
  'honest',
  'clamps-minimum',
  'clamps-maximum',
  'serves-stale',
  'prefetches',
  'ignores',
  'unknown',
] as const;
export type Behaviour = (typeof behaviours)[number];

const count = z.int().nonnegative();

/** How answers with one TTL were kept. */
const kept = z.object({
  ttlSeconds: z.number(),
  /**
   * How long each answer was still given after it was given out, and so after it was superseded,
   * ms. One value per trial.
   */
  holdsMs: z.array(z.number()).readonly(),
  /** Number of trials whose answer is still given: their hold is at least the value in `holdsMs`. */
  unended: count,
  /** The TTL that the cache reports, s: the median of the trials; `null` if it gave no answer. */
  toldSeconds: z.number().nullable(),
  /**
   * The time for which answers were kept, s: the median of the trials, combined with the reported
   * TTL if both agree; `null` if no trial has ended.
   */
  keptSeconds: z.number().nullable(),
  /** The cache asked again before the answer's end. */
  prefetched: z.boolean(),
});
export type Kept = ValueOf<typeof kept>;

const findings = z.object({
  behaviour: z.enum(behaviours),
  /** All traits that are true; `honest` if there is none. */
  traits: z.array(z.enum(behaviours)).readonly(),
  /** The minimum or maximum to which TTLs are clamped, s; `null` without a clamp. */
  clampSeconds: z.number().nullable(),
  /** Shortest TTL first. */
  kept: z.array(kept).readonly(),
  severalCaches: z.boolean(),
  queries: count,
  /** Number of queries without an answer, except for names whose server failed on purpose. */
  unanswered: count,
});
export type Findings = ValueOf<typeof findings>;

/** A resolver with its results so far. */
export const resolverReport = z.object({
  /** Address and port. */
  resolver: z.string(),
  /** The address from which it asks the zone's server; `null`: not known. */
  identity: z.string().nullable(),
  startedWallMs: z.number(),
  atWallMs: z.number(),
  finished: z.boolean(),
  findings,
});
export type ResolverReport = ValueOf<typeof resolverReport>;
