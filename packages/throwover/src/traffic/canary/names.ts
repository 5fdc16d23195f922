/**
 * The meaning of a name below the zone.
 *
 *   OPTIONS.NONCE.g.ZONE  an answer with the time at which it was given
 *   NONCE.b.ZONE          a beacon: the same, and the server remembers the resolver (seen.ts)
 *
 * Options are one label with dashes: `t60` a TTL of 60 s; `u1767225600` answers until that second
 * of the Unix epoch and fails afterwards, so that a cache shows whether it gives expired answers.
 * All other names below `g` and `b` exist too, with the zone's TTL.
 */
export type Asked =
  | { readonly kind: 'outside' }
  | { readonly kind: 'apex' }
  /** `g.ZONE` and `b.ZONE`: names without records, with names below them. */
  | { readonly kind: 'branch' }
  | {
      readonly kind: 'stamp';
      readonly ttlSeconds: number | null;
      readonly untilSeconds: number | null;
      /** The label below `g` or `b`, in lower case. */
      readonly nonce: string;
      readonly beacon: boolean;
    }
  | { readonly kind: 'nameserver'; readonly index: number }
  | { readonly kind: 'nothing' };

/**
 * Longest TTL that a name can ask for, s: a week, the longest time for which resolvers keep
 * anything.
 */
const maxTtlSeconds = 604_800;

/** The names of a zone in the form in which names are compared: wire form, lower case. */
export interface ZoneNames {
  readonly zone: Buffer;
  readonly nameservers: readonly Buffer[];
}

/** Returns the meaning of a name. `name` is in wire form and lower case, without compression. */
export function whatIsAsked(name: Buffer, { zone, nameservers }: ZoneNames): Asked {
  const own = name.length - zone.length;
  if (own < 0 || zone.compare(name, own) !== 0) return { kind: 'outside' };
  const labels: string[] = [];
  let offset = 0;
  while (offset < own) {
    const length = name[offset] ?? 0;
    labels.push(name.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  // The zone's bytes inside a label do not count as the zone.
  if (offset !== own) return { kind: 'outside' };
  if (labels.length === 0) return { kind: 'apex' };
  const index = nameservers.findIndex((server) => server.equals(name));
  if (index >= 0) return { kind: 'nameserver', index };
  const branch = labels.pop();
  if (branch !== 'g' && branch !== 'b') return { kind: 'nothing' };
  const nonce = labels.at(-1);
  if (nonce === undefined) return { kind: 'branch' };
  const options = labels.length > 1 ? optionsOf(labels[0] ?? '') : noOptions;
  return { kind: 'stamp', ...options, nonce, beacon: branch === 'b' };
}

const noOptions = { ttlSeconds: null, untilSeconds: null };

function optionsOf(label: string) {
  const [, ttl, until] = /^t(\d{1,6})(?:-u(\d{10}))?$/.exec(label) ?? [];
  if (ttl === undefined) return noOptions;
  return {
    ttlSeconds: Math.min(Number(ttl), maxTtlSeconds),
    untilSeconds: until === undefined ? null : Number(until),
  };
}

/**
 * Returns the name that asks for an answer with this TTL; after `untilSeconds` the server refuses
 * it.
 */
export function stampName(ask: {
  zone: string;
  nonce: string;
  ttlSeconds: number;
  untilSeconds?: number;
}): string {
  const until = ask.untilSeconds === undefined ? '' : `-u${ask.untilSeconds}`;
  return `t${ask.ttlSeconds}${until}.${ask.nonce}.g.${ask.zone}`;
}
