import type { Random } from 'throwover/kernel';

/** One request of the schedule. */
export interface Slot {
  /** Time since the start, ms. */
  readonly dueMs: number;
  readonly client: number;
  readonly kind: 'write' | 'read' | 'list' | 'asset';
}

/**
 * A client reads its own write this long after it was sent, ms: like a browser that follows a
 * redirect.
 */
const readAfterMs = 200;

/** Each slot is late by up to this share of the interval, so that requests are not in step. */
const jitterShare = 0.8;

/** One in this number of reading slots lists instead. */
const listEvery = 10;

/**
 * Returns a steady rate, half of it writes: clients take turns, and each write is followed by a
 * read of the same client. Open loop: the due time of a slot does not depend on how long answers
 * take. The two endless streams are in order of time; the same seed gives the same slots.
 */
export function schedule(options: {
  clients: number;
  ratePerSecond: number;
  /** One generator for each stream, so that they are independent. */
  random: readonly [Random, Random];
}): { writes: Generator<Slot, never>; reads: Generator<Slot, never> } {
  const { clients, ratePerSecond } = options;
  const [writeRandom, readRandom] = options.random;
  const half = { clients, everyMs: 2_000 / ratePerSecond };
  return {
    writes: steady({ ...half, offsetMs: 0, random: writeRandom, kindOf: () => 'write' }),
    reads: steady({
      ...{ ...half, offsetMs: readAfterMs, random: readRandom },
      kindOf: (index) => (index % listEvery === listEvery - 1 ? 'list' : 'read'),
    }),
  };
}

/** Returns requests for assets at a steady rate, clients in turn. */
export function assetSchedule(options: {
  clients: number;
  ratePerSecond: number;
  random: Random;
}): Generator<Slot, never> {
  const everyMs = 1_000 / options.ratePerSecond;
  return steady({ ...options, everyMs, offsetMs: 0, kindOf: () => 'asset' });
}

/** Yields a slot in each interval, clients in turn; the same seed gives the same slots. */
function* steady(options: {
  clients: number;
  everyMs: number;
  offsetMs: number;
  random: Random;
  kindOf: (index: number) => Slot['kind'];
}): Generator<Slot, never> {
  const { clients, everyMs, offsetMs, random, kindOf } = options;
  for (let index = 0; ; index++) {
    const jitterMs = random.next() * jitterShare * everyMs;
    const dueMs = offsetMs + index * everyMs + jitterMs;
    yield { dueMs, client: index % clients, kind: kindOf(index) };
  }
}

/**
 * Distributes the shares over `count` places, each as close to its share as whole numbers allow, in
 * a seeded order.
 */
export function deal<T extends { readonly share: number }>(
  shares: readonly T[],
  count: number,
  random: Random,
): T[] {
  const sum = shares.reduce((total, { share }) => total + share, 0);
  const dealt: T[] = [];
  let due = 0;
  for (const item of shares) {
    due += (item.share / sum) * count;
    while (dealt.length < Math.round(due)) dealt.push(item);
  }
  return drawn(dealt, dealt.length, random);
}

/** Returns `true` for this share of `count` places, in a seeded order. */
export function dealShare(share: number, count: number, random: Random): boolean[] {
  const sides = [
    { share, chosen: true },
    { share: 1 - share, chosen: false },
  ];
  return deal(sides, count, random).map(({ chosen }) => chosen);
}

/** Draws up to `count` of the items, in random order. */
export function drawn<T>(items: readonly T[], count: number, random: Random): T[] {
  const rest = [...items];
  const out: T[] = [];
  while (out.length < count && rest.length > 0) {
    out.push(...rest.splice(random.integer(rest.length), 1));
  }
  return out;
}
