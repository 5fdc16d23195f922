import { randomBytes } from 'node:crypto';

/**
 * The only source of random numbers. Seeded in tests, in the simulation and in the lab; the
 * system's generator elsewhere.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, below). */
  integer(below: number): number;
  /** Returns one element of a non-empty list. */
  pick<T>(items: readonly T[]): T;
}

function fromNext(next: () => number): Random {
  return {
    next,
    integer: (below) => Math.floor(next() * below),
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)];
      if (item === undefined) throw new RangeError('pick from an empty list');
      return item;
    },
  };
}

/** Deterministic: the same seed gives the same sequence (mulberry32, Tommy Ettinger, public domain). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return fromNext(() => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  });
}

export const systemRandom: Random = fromNext(() => randomBytes(4).readUInt32BE() / 4294967296);
