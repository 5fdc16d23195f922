import type { Random } from 'throwover/kernel';

/** What is done at one moment of the schedule. */
export interface Slot {
  /** Since the start, ms. */
  readonly dueMs: number;
  readonly client: number;
  readonly kind: 'write' | 'read' | 'list' | 'asset';
}

/** A client reads its own write about this long after it was sent, ms: a browser that follows a redirect. */
const readAfterMs = 200;

/** Each slot is up to this share of the interval late, so that requests do not march in step. */
const jitterShare = 0.8;

/** Of the slots that read, one in so many lists instead. */
const listEvery = 10;

/**
 * A steady rate, half of it writes: clients take turns, and each write is followed by a read of the
 * same client. Open loop: when a slot is due does not depend on how long answers take.
 * Two endless streams in the order of time; the same seed gives the same slots.
 */
export function schedule(options: {
  clients: number;
  ratePerSecond: number;
  /** One for each stream: they are drawn from independently. */
  random: readonly [Random, Random];
}): { writes: Generator<Slot, never>; reads: Generator<Slot, never> } {
  const everyMs = 2_000 / options.ratePerSecond;
  function* stream(
    offsetMs: number,
    random: Random,
    kindOf: (index: number) => Slot['kind'],
  ): Generator<Slot, never> {
    for (let index = 0; ; index++) {
      const jitterMs = random.next() * jitterShare * everyMs;
      const client = index % options.clients;
      yield { dueMs: offsetMs + index * everyMs + jitterMs, client, kind: kindOf(index) };
    }
  }
  const [writeRandom, readRandom] = options.random;
  return {
    writes: stream(0, writeRandom, () => 'write'),
    reads: stream(readAfterMs, readRandom, (index) =>
      index % listEvery === listEvery - 1 ? 'list' : 'read',
    ),
  };
}

/** Requests for assets at a steady rate, clients in turn; the same seed gives the same slots. */
export function* assetSchedule(options: {
  clients: number;
  ratePerSecond: number;
  random: Random;
}): Generator<Slot, never> {
  const everyMs = 1_000 / options.ratePerSecond;
  for (let index = 0; ; index++) {
    const jitterMs = options.random.next() * jitterShare * everyMs;
    yield { dueMs: index * everyMs + jitterMs, client: index % options.clients, kind: 'asset' };
  }
}

/** Deals the shares out to `count` places, each as near to its share as whole numbers allow, in a seeded order. */
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
  return shuffled(dealt, random);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const rest = [...items];
  const out: T[] = [];
  while (rest.length > 0) out.push(...rest.splice(random.integer(rest.length), 1));
  return out;
}
