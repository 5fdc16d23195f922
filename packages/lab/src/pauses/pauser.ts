import { type Random, systemClock } from 'throwover/kernel';
import { commandOf, signal } from '../faults/process-tree.ts';
import type { Lab } from '../world/lab.ts';
import { type Part, partOf } from './parts.ts';
import type { PausesRound } from './results.ts';

/**
 * Length of a pause, ms: from less than a door's hold to more than the writer's lease and the
 * fence's deadline.
 */
const pauseMs = { least: 200, most: 12_000 };

/** Longest time between two pauses, ms. */
const longestBetweenMs = 1_500;

/**
 * Pauses one process of the lab at a time, again and again until `end`: chooses a part at random,
 * then one of its processes.
 */
export class Pauser {
  readonly pauses: PausesRound['pauses'] = [];
  readonly #lab: Lab;
  readonly #random: Random;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;

  constructor(lab: Lab, random: Random) {
    this.#lab = lab;
    this.#random = random;
    this.#loop = this.#pause();
  }

  /** Resolves when everything runs again. */
  async end(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #pause(): Promise<void> {
    const stopping = this.#stopping.signal;
    while (!stopping.aborted) {
      const wait = this.#random.integer(longestBetweenMs);
      await systemClock.sleep(wait, stopping).catch(() => {});
      const chosen = stopping.aborted ? null : await this.#choose();
      if (chosen === null) continue;
      const ms = pauseMs.least + this.#random.integer(pauseMs.most - pauseMs.least);
      if (!signal(chosen.pid, 'SIGSTOP')) continue;
      this.pauses.push({ part: chosen.part, ms });
      // A pause always lasts its full time, also when the run ends meanwhile; otherwise the
      // recorded length would be wrong.
      await systemClock.sleep(ms);
      signal(chosen.pid, 'SIGCONT');
    }
  }

  async #choose(): Promise<{ pid: number; part: Part } | null> {
    const found = (await Promise.all((await this.#lab.pids()).map(described))).flat();
    const byPart = Map.groupBy(found, ({ part }) => part);
    if (byPart.size === 0) return null;
    const part = this.#random.pick([...byPart.keys()].sort());
    return this.#random.pick(byPart.get(part) ?? []);
  }
}

async function described(pid: number): Promise<readonly { pid: number; part: Part }[]> {
  const part = partOf(await commandOf(pid));
  return part === null ? [] : [{ pid, part }];
}
