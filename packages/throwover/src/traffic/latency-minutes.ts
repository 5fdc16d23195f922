import { headers } from '@throwover/client';
import type { Clock } from '../kernel/kernel.ts';
import type { LatencyPiece, LatencySpan } from './door-wire.ts';
import { Histogram } from './stragglers/histogram.ts';

/**
 * Number of slots that are kept: half an hour of 1 s, enough for the minutes after a run and those
 * before it.
 */
const maxSlots = 1_800;

/** Most pieces in one answer. */
const maxPieces = 600;

/** The part of a `ServerResponse` that is used. */
interface Answer {
  readonly statusCode: number;
  readonly writableFinished: boolean;
  getHeader(name: string): unknown;
  once(event: 'close', listener: () => void): unknown;
}

interface Slot {
  requests: number;
  failed: number;
  told: number;
  cold: number;
  totalMs: number;
  readonly histogram: Histogram;
}

/**
 * The latency of the region's own application, in slots of wall time (it is compared with runs and
 * with other machines). A forwarded request counts where it is served; time in a hold does not
 * count.
 */
export class LatencyMinutes {
  readonly #clock: Clock;
  readonly #slotMs: number;
  readonly #slots = new Map<number, Slot>();

  constructor({ clock, bucketMs }: { clock: Clock; bucketMs: number }) {
    this.#clock = clock;
    this.#slotMs = bucketMs;
  }

  /** Counts an answer when it has been sent, or when its client has gone. */
  watch(res: Answer): void {
    const beganMs = this.#clock.monotonicMs();
    res.once('close', () => {
      const slot = this.#slot();
      const ms = this.#clock.monotonicMs() - beganMs;
      slot.requests += 1;
      slot.totalMs += ms;
      slot.histogram.add(ms);
      if (res.statusCode >= 500 || !res.writableFinished) slot.failed += 1;
      const start = res.getHeader(headers.start);
      if (start === undefined) return;
      slot.told += 1;
      if (start === 'cold') slot.cold += 1;
    });
  }

  /** Counts a refused request: it failed, and gives no latency. */
  turnedAway(): void {
    const slot = this.#slot();
    slot.requests += 1;
    slot.failed += 1;
  }

  /**
   * Returns pieces of `widthMs` from `sinceWallMs` on, made of the slots that begin in each. The
   * first piece includes the slot that contains `sinceWallMs`, so that events right after it are
   * not missed.
   */
  report({ sinceWallMs, untilWallMs, widthMs }: LatencySpan): readonly LatencyPiece[] {
    const pieces: LatencyPiece[] = [];
    for (let n = 0; n < maxPieces; n++) {
      const fromWallMs = sinceWallMs + n * widthMs;
      if (fromWallMs >= untilWallMs) break;
      const toWallMs = Math.min(fromWallMs + widthMs, untilWallMs);
      const slots = [...this.#slots].filter(([at]) => {
        const beganMs = at * this.#slotMs;
        const earliestMs = n === 0 ? fromWallMs - this.#slotMs + 1 : fromWallMs;
        return beganMs >= earliestMs && beganMs < toWallMs;
      });
      pieces.push(
        pieceOf(
          fromWallMs,
          slots.map(([, slot]) => slot),
        ),
      );
    }
    return pieces;
  }

  #slot(): Slot {
    const at = Math.floor(this.#clock.wallMs() / this.#slotMs);
    const known = this.#slots.get(at);
    if (known !== undefined) return known;
    const slot = {
      requests: 0,
      failed: 0,
      told: 0,
      cold: 0,
      totalMs: 0,
      histogram: new Histogram(),
    };
    this.#slots.set(at, slot);
    for (const oldest of this.#slots.keys()) {
      if (this.#slots.size <= maxSlots) break;
      this.#slots.delete(oldest);
    }
    return slot;
  }
}

function pieceOf(fromWallMs: number, slots: readonly Slot[]): LatencyPiece {
  const all = new Histogram();
  for (const { histogram } of slots) all.addAll(histogram);
  const sum = (of: (slot: Slot) => number) => slots.reduce((total, slot) => total + of(slot), 0);
  return {
    fromWallMs,
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failed),
    coldStarts: sum(({ told }) => told) === 0 ? null : sum(({ cold }) => cold),
    meanMs: all.count === 0 ? null : sum(({ totalMs }) => totalMs) / all.count,
    p50Ms: all.quantile(0.5),
    p99Ms: all.quantile(0.99),
  };
}
