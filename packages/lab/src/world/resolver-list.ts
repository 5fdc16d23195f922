import type { LabMap } from './map.ts';
import type { LabOptions } from './options.ts';

/** What a clamping resolver keeps at least, minutes of life: the lower end of what was seen in production (5 to 15 min). */
const clampMinutes = 5;

/** What a long-holding one keeps, minutes of life: the upper end of the same. */
export const longHoldMinutes = 15;

interface LabResolver {
  readonly port: number;
  readonly behaviour: 'honest' | 'clamped' | 'long-hold' | 'serve-stale' | 'prefetch';
  /** Seconds of life. */
  readonly holdSeconds?: number;
  /** Which share of the clients is behind it; `null`: none of them. */
  readonly share: keyof LabOptions['resolverShares'] | null;
}

/** The resolvers of the lab, each with a port of its own; the first is the sender's. */
export function resolverList(map: LabMap): readonly LabResolver[] {
  return [
    { port: map.resolver(0).port, behaviour: 'honest', share: 'honest' },
    {
      port: map.resolver(1).port,
      behaviour: 'clamped',
      holdSeconds: clampMinutes * 60,
      share: 'clamped',
    },
    {
      port: map.resolver(2).port,
      behaviour: 'long-hold',
      holdSeconds: longHoldMinutes * 60,
      share: 'longHold',
    },
    { port: map.resolver(3).port, behaviour: 'serve-stale', share: null },
    { port: map.resolver(4).port, behaviour: 'prefetch', share: null },
  ];
}

/** The resolvers that clients use, with the share of clients behind each. */
export function clientResolvers(map: LabMap, options: LabOptions) {
  return resolverList(map).flatMap(({ port, behaviour, share }) =>
    share === null ? [] : [{ port, behaviour, share: options.resolverShares[share] }],
  );
}
