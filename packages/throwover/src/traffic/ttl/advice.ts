import { cacheLifeMs, holdoverMs, type Measured, type MeasuredResolver } from './cache-life.ts';

/** Benefit and cost of one TTL, with the measured behaviour of resolvers. */
export interface TtlAdvice {
  readonly ttlSeconds: number;
  /** Time after a change until this share of clients has the new answer from its resolver. */
  readonly holdover: { readonly p50: Measured; readonly p90: Measured; readonly p99: Measured };
  /**
   * Queries of resolvers to the authoritative servers, per second; `null`: lookups are not counted.
   */
  readonly queriesPerSecond: number | null;
  /** Share of lookups for which the resolver has to ask; `null`: lookups are not counted. */
  readonly missShare: number | null;
  /**
   * Average time that misses add to a lookup, ms; `null`: lookups are not counted, or the
   * resolution time was not measured.
   */
  readonly addedMs: number | null;
}

export interface TtlFacts {
  readonly resolvers: readonly MeasuredResolver[];
  /**
   * Lookups by clients, per second: new connections at the front doors, each with at most one
   * lookup.
   */
  readonly lookupsPerSecond: number | null;
  /** Time for one question to an authoritative server, ms. */
  readonly resolutionMs: number | null;
}

/**
 * Returns the advice for one TTL. A resolver with lookups at rate r keeps each answer for L and
 * asks again at the next lookup: it asks r/(1 + rL) times a second, a share 1/(1 + rL) of its
 * lookups. A resolver of unknown behaviour counts as honest here.
 */
export function adviseTtl(facts: TtlFacts, ttlSeconds: number): TtlAdvice {
  const { resolvers, lookupsPerSecond, resolutionMs } = facts;
  const q = (share: number) => holdoverMs(resolvers, ttlSeconds, share);
  const sum = resolvers.reduce((all, { weight }) => all + weight, 0);
  const queriesPerSecond =
    lookupsPerSecond === null || sum === 0
      ? null
      : resolvers.reduce((all, resolver) => {
          const rate = (lookupsPerSecond * resolver.weight) / sum;
          const lifeSeconds = (cacheLifeMs(resolver, ttlSeconds) ?? ttlSeconds * 1_000) / 1_000;
          return all + rate / (1 + rate * lifeSeconds);
        }, 0);
  const missShare =
    queriesPerSecond === null || lookupsPerSecond === null || lookupsPerSecond === 0
      ? null
      : queriesPerSecond / lookupsPerSecond;
  return {
    ttlSeconds,
    holdover: { p50: q(0.5), p90: q(0.9), p99: q(0.99) },
    queriesPerSecond,
    missShare,
    addedMs: missShare === null || resolutionMs === null ? null : missShare * resolutionMs,
  };
}
