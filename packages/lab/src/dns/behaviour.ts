/**
 * How a caching resolver treats time, by name. Each stands for something that is met in the world.
 *
 *   honest               keeps an answer as long as its TTL says
 *   clamped              keeps every answer at least `hold`: unbound `cache-min-ttl`, dnsmasq `min-cache-ttl`
 *   long-hold            the same, longer: corporate networks and some ISPs, 5 to 15 min at TTL 60 s
 *   serve-stale          RFC 8767: an answer that has ended is given while the server is away
 *   serve-stale-refresh  gives an answer that has ended once more at once, and asks behind: unbound `serve-expired`
 *   prefetch             asks behind, before the end, when a tenth of the TTL is left: unbound `prefetch`
 */
export type Behaviour =
  | 'honest'
  | 'clamped'
  | 'long-hold'
  | 'serve-stale'
  | 'serve-stale-refresh'
  | 'prefetch';

/** What a name stands for, in lab milliseconds. */
export interface CachePolicy {
  /** Shortest time that a positive answer is kept, ms. */
  readonly minimumMs: number;
  /** How long after its end an answer may still be given, ms. */
  readonly staleMs: number;
  /** Gives what has ended at once and asks behind, instead of asking first. */
  readonly staleAtOnce: boolean;
  /** Asks behind when less than this share of the kept time is left. */
  readonly prefetchShare: number;
  /** How old the first answer is taken to be, as a share of the time it is kept. */
  readonly firstAgeShare: number;
}

/** Life seconds: defaults of `holdSeconds`, by what was observed in production; RFC 8767 says one to three days. */
const defaultHoldSeconds = { clamped: 300, 'long-hold': 900 } as const;
const staleSeconds = 86_400;

/** Share of the TTL that is left when unbound and BIND prefetch. */
const prefetchShare = 0.1;

export function cachePolicy(options: {
  behaviour: Behaviour;
  /** Life seconds; only for `clamped` and `long-hold`. */
  holdSeconds?: number | undefined;
  /** Without it a resolver's first answer is fresh, and all caches of a lab end at the same moments. */
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
