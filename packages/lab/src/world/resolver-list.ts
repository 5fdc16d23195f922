import type { LabMap } from './map.ts';

/**
 * Shortest time for which a clamping resolver keeps an answer, minutes of life time: the lower end
 * of production values (5 to 15 min).
 */
export const clampMinutes = 5;

/**
 * Time for which a long-holding resolver keeps an answer, minutes of life time: the upper end of
 * these values.
 */
export const longHoldMinutes = 15;

/** Share of clients whose resolver is honest, clamps the minimum TTL, or holds long. */
export interface ResolverShares {
  readonly honest: number;
  readonly clamped: number;
  readonly longHold: number;
}

export interface LabResolver {
  readonly port: number;
  readonly behaviour: 'honest' | 'clamped' | 'long-hold' | 'serve-stale' | 'prefetch';
  /** Seconds of life time. */
  readonly holdSeconds?: number;
  /** Source address of its queries; left out: the system's choice, the same for all. */
  readonly from?: string;
  /** Assumed age of its first answer, as a share of the time for which it keeps answers. */
  readonly firstAgeShare: number;
  /** The share setting for the clients behind resolvers of this kind; `null`: no clients. */
  readonly share: keyof ResolverShares | null;
}

/**
 * Number of resolvers of each kind, like the networks that clients are in: their caches expire at
 * different moments, so that a flip meets them as in production and not all at once.
 */
const counts = { honest: 3, clamped: 3, longHold: 2 } as const;

/** Returns the resolvers of the lab, each with its own port; the first is the sender's. */
export function resolverList(map: LabMap): readonly LabResolver[] {
  const kinds = [
    ...spread(counts.honest, { behaviour: 'honest', share: 'honest' }),
    ...spread(counts.clamped, {
      behaviour: 'clamped',
      share: 'clamped',
      holdSeconds: clampMinutes * 60,
    }),
    ...spread(counts.longHold, {
      behaviour: 'long-hold',
      share: 'longHold',
      holdSeconds: longHoldMinutes * 60,
    }),
    ...spread(1, { behaviour: 'serve-stale', share: null }),
    ...spread(1, { behaviour: 'prefetch', share: null }),
  ];
  return kinds.map((kind, index) => ({ ...kind, ...placeOf(map, index) }));
}

/** Returns the resolvers that clients use, with the share of clients behind each. */
export function clientResolvers(
  map: LabMap,
  { resolverShares }: { readonly resolverShares: ResolverShares },
) {
  return resolverList(map).flatMap(({ port, behaviour, share }) =>
    share === null ? [] : [{ port, behaviour, share: resolverShares[share] / counts[share] }],
  );
}

/**
 * Returns the port and the source address of a resolver, so that the canary zone's server can
 * distinguish it. macOS has only the addresses of 127.0.0.0/8 that were added: there all resolvers
 * look the same.
 */
export function placeOf(map: LabMap, index: number): Pick<LabResolver, 'port' | 'from'> {
  const { port } = map.resolver(index);
  return process.platform === 'darwin' ? { port } : { port, from: `127.0.${10 + index}.1` };
}

function spread(count: number, kind: Omit<LabResolver, 'port' | 'from' | 'firstAgeShare'>) {
  return Array.from({ length: count }, (_, index) => ({ ...kind, firstAgeShare: index / count }));
}
