import type { LabMap } from './map.ts';

/** What a clamping resolver keeps at least, minutes of life: the lower end of what was seen in production (5 to 15 min). */
export const clampMinutes = 5;

/** What a long-holding one keeps, minutes of life: the upper end of the same. */
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
  /** Seconds of life. */
  readonly holdSeconds?: number;
  /** Address that it asks from; left out: the system's choice, the same for all. */
  readonly from?: string;
  /** How old its first answer counts, as a share of the time it keeps answers. */
  readonly firstAgeShare: number;
  /** Which share of the clients is behind resolvers of this kind; `null`: none of them. */
  readonly share: keyof ResolverShares | null;
}

/**
 * How many of each kind, like networks that clients are in: their caches end at different moments, so
 * that a flip meets them as it would in the world and not all at once.
 */
const counts = { honest: 3, clamped: 3, longHold: 2 } as const;

/** The resolvers of the lab, each with a port of its own; the first is the sender's. */
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

/** The resolvers that clients use, with the share of clients behind each. */
export function clientResolvers(
  map: LabMap,
  { resolverShares }: { readonly resolverShares: ResolverShares },
) {
  return resolverList(map).flatMap(({ port, behaviour, share }) =>
    share === null ? [] : [{ port, behaviour, share: resolverShares[share] / counts[share] }],
  );
}

/**
 * Port, and the address that it asks from, so that the canary zone's server can tell it from the others.
 * macOS has only those of 127.0.0.0/8 that were added: there all of them look the same.
 */
export function placeOf(map: LabMap, index: number): Pick<LabResolver, 'port' | 'from'> {
  const { port } = map.resolver(index);
  return process.platform === 'darwin' ? { port } : { port, from: `127.0.${10 + index}.1` };
}

function spread(count: number, kind: Omit<LabResolver, 'port' | 'from' | 'firstAgeShare'>) {
  return Array.from({ length: count }, (_, index) => ({ ...kind, firstAgeShare: index / count }));
}
