/**
 * How a caching resolver treats time, by name. Each name stands for a behaviour that exists in
 * production.
 *
 *   honest               keeps an answer as long as its TTL says
 *   clamped              keeps every answer at least `hold`: unbound `cache-min-ttl`, dnsmasq `min-cache-ttl`
 *   long-hold            the same, longer: corporate networks and some ISPs, 5 to 15 min at TTL 60 s
 *   serve-stale          RFC 8767: an expired answer is given while the server is unreachable
 *   serve-stale-refresh  gives an expired answer once more, asks in the background: unbound `serve-expired`
 *   prefetch             asks in the background when a tenth of the TTL is left: unbound `prefetch`
 */
export type Behaviour =
  | 'honest'
  | 'clamped'
  | 'long-hold'
  | 'serve-stale'
  | 'serve-stale-refresh'
  | 'prefetch';

/** The settings behind a behaviour, in lab milliseconds. */
export interface CachePolicy {
  /** Shortest time that a positive answer is kept, ms. */
  readonly minimumMs: number;
  /** How long after its expiry an answer may still be given, ms. */
  readonly staleMs: number;
  /** Gives an expired answer at once and asks in the background, instead of asking first. */
  readonly staleAtOnce: boolean;
  /** Asks in the background when less than this share of the kept time is left. */
  readonly prefetchShare: number;
  /** Assumed age of the first answer, as a share of the time for which it is kept. */
  readonly firstAgeShare: number;
}

/**
 * Defaults of `holdSeconds`, life seconds, as observed in production; RFC 8767 says one to three
 * days.
 */
const defaultHoldSeconds = { clamped: 300, 'long-hold': 900 } as const;
const staleSeconds = 86_400;

/** Share of the TTL that is left when unbound and BIND prefetch. */
const prefetchShare = 0.1;

export function cachePolicy(options: {
  behaviour: Behaviour;
  /** Life seconds; only for `clamped` and `long-hold`. */
  holdSeconds?: number | undefined;
  /**
   * Without it a resolver's first answer is fresh, and all caches of a lab expire at the same
   * moments.
   */
  firstAgeShare?: number | undefined;
  timeScale: number;
}): CachePolicy {
  const { behaviour, holdSeconds, firstAgeShare = 0, timeScale } = options;
  const labMs = (lifeSeconds: number) => (lifeSeconds * 1000) / timeScale;
  const honest = { minimumMs: 0, staleMs: 0, staleAtOnce: false, prefetchShare: 0, firstAgeShare };
  switch (behaviour) {
    case 'honest':
      return honest;
    case 'clamped':
    case 'long-hold':
      return { ...honest, minimumMs: labMs(holdSeconds ?? defaultHoldSeconds[behaviour]) };
    case 'serve-stale':
      return { ...honest, staleMs: labMs(staleSeconds) };
    case 'serve-stale-refresh':
      return { ...honest, staleMs: labMs(staleSeconds), staleAtOnce: true };
    case 'prefetch':
      return { ...honest, prefetchShare };
  }
}
