/** Criteria that end a drill early. Pure. */
import { formatMs } from '../kernel/kernel.ts';
import type { DrillPolicy } from '../service/service.ts';
import type { WorstSeen } from './drill.ts';

export type AbortCriteria = DrillPolicy['abort'];

/** One look at the service; null: the figure could not be seen, or there was nothing to count. */
export interface Look {
  readonly errorRate: number | null;
  readonly p99Ms: number | null;
  readonly lagMs: number | null;
}

export interface Breach {
  readonly criterion: 'errorRate' | 'p99' | 'lag' | 'loss';
  /** `errorRate 4.2 %, above 2 % for 15 s`. */
  readonly says: string;
}

const figures = ['errorRate', 'p99Ms', 'lagMs'] as const;
type Figure = (typeof figures)[number];

const criterionOf = { errorRate: 'errorRate', p99Ms: 'p99', lagMs: 'lag' } as const;

/**
 * Watches a drill from its first act to its end. A criterion is broken when every look that could
 * see its figure has been above the bound for as long as the policy says; the switch itself takes
 * less time than that. A look that sees no figure neither breaks nor resets a criterion; such looks
 * are counted.
 */
export class AbortWatch {
  readonly #criteria: AbortCriteria;
  readonly #since = new Map<Figure, number>();
  #worst: WorstSeen = {
    ...{ errorRate: null, p99Ms: null, lagMs: null, lossMs: null },
    ...{ looks: 0, blind: 0 },
  };

  constructor(criteria: AbortCriteria) {
    this.#criteria = criteria;
  }

  get worst(): WorstSeen {
    return this.#worst;
  }

  look(seen: Look, nowMs: number): Breach | null {
    const { looks, blind } = this.#worst;
    const unseen = figures.every((figure) => seen[figure] === null);
    this.#worst = { ...this.#worst, looks: looks + 1, blind: blind + Number(unseen) };
    for (const figure of figures) {
      const value = seen[figure];
      if (value === null) continue;
      this.#worst = { ...this.#worst, [figure]: Math.max(value, this.#worst[figure] ?? 0) };
      const bound = this.#criteria[figure];
      if (bound === null) continue;
      if (value <= bound) {
        this.#since.delete(figure);
        continue;
      }
      const sinceMs = this.#since.get(figure) ?? nowMs;
      this.#since.set(figure, sinceMs);
      if (nowMs - sinceMs >= this.#criteria.forMs) return this.#breach(figure, value, bound);
    }
    return null;
  }

  /**
   * Checks the known loss of a run, ms of writes. Breaks at once, because lost writes do not
   * recover.
   */
  lost(lossMs: number): Breach | null {
    this.#worst = { ...this.#worst, lossMs: Math.max(lossMs, this.#worst.lossMs ?? 0) };
    const bound = this.#criteria.lossMs;
    if (bound === null || lossMs <= bound) return null;
    const says = `loss of ${formatMs(lossMs)} of writes, above ${formatMs(bound)}`;
    return { criterion: 'loss', says };
  }

  #breach(figure: Figure, value: number, bound: number): Breach {
    const criterion = criterionOf[figure];
    const text = figure === 'errorRate' ? percent : formatMs;
    return {
      criterion,
      says: `${criterion} ${text(value)}, above ${text(bound)} for ${formatMs(this.#criteria.forMs)}`,
    };
  }
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
