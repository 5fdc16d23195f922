import type { Clock } from '../kernel/kernel.ts';
import type { Step, StepContext } from '../runbook/runbook.ts';
import type { Door } from './door.ts';
import { longestHoldMs } from './door-wire.ts';

/** Renewals within one hold: three of them may be late or lost before the hold ends. */
const renewalsPerHold = 4;

/** Ends the renewals. Without a reason, Node builds a DOMException with a stack each time. */
const over = new Error('over');

/**
 * The hold of one run at one door. A hold ends by itself after `holdMs`, so that a controller that
 * dies does not keep the door closed. A living controller renews it, because on a busy machine the
 * move of the writer takes longer than usual, and each request that is refused meanwhile is a
 * failure for a customer. After `longestHoldMs` no client waits any more, so the renewals end.
 */
export class HeldDoor {
  readonly #door: Door;
  readonly #holdMs: number;
  /** Monotonic ms at which this controller first saw or requested the hold; `null`: not yet. */
  #sinceMs: number | null = null;
  #renewedMs: number | null = null;
  /** The renewal that is on its way. */
  #renewal: Promise<void> = Promise.resolve();

  constructor(options: { door: Door; holdMs: number }) {
    this.#door = options.door;
    this.#holdMs = options.holdMs;
  }

  /** Puts the door on hold. Errors: those of `Door.set`. */
  async hold(context: StepContext): Promise<void> {
    await this.#ask(context);
    this.#sinceMs = context.clock.monotonicMs();
  }

  /** Makes the door serve again. No renewal of this controller arrives afterwards. */
  async end({ run }: StepContext): Promise<void> {
    await this.#renewal;
    await this.#door.set({ mode: 'serve', epoch: run.epoch }, run.token);
  }

  /**
   * Returns how long this controller has known of the hold, ms. A hold of an earlier controller
   * counts from the first call.
   */
  heldForMs(clock: Clock): number {
    this.#sinceMs ??= clock.monotonicMs();
    return clock.monotonicMs() - this.#sinceMs;
  }

  /**
   * Returns the same step, with the hold renewed while it works; never before the run's intent to
   * hold.
   */
  during<Name extends string>(step: Step<Name>): Step<Name> {
    return {
      ...step,
      observe: (context) => this.#renewing(context, () => step.observe(context)),
      act: (context) => this.#renewing(context, () => step.act(context)),
    };
  }

  async #renewing<T>(context: StepContext, work: () => Promise<T>): Promise<T> {
    const begun = this.#renewedMs !== null || context.outcomes.has('hold-door');
    if (!begun) return work();
    // Not AbortSignal.any: Node keeps such a signal as long as it has a listener, for example of
    // work that hangs.
    const ended = new AbortController();
    const end = () => ended.abort(over);
    if (context.signal.aborted) end();
    context.signal.addEventListener('abort', end, { once: true });
    void this.#renewUntil(ended.signal, context);
    try {
      return await work();
    } finally {
      context.signal.removeEventListener('abort', end);
      end();
    }
  }

  async #renewUntil(signal: AbortSignal, context: StepContext): Promise<void> {
    const { clock } = context;
    await this.#renewal;
    while (!signal.aborted && this.heldForMs(clock) + this.#holdMs <= longestHoldMs) {
      const dueMs = (this.#renewedMs ?? -this.#holdMs) + this.#holdMs / renewalsPerHold;
      if (clock.monotonicMs() < dueMs) {
        await clock.sleep(dueMs - clock.monotonicMs(), signal).catch(() => {});
        continue;
      }
      // A door that does not answer, or has another mode, needs no hold: the step `forward` deals
      // with it.
      this.#renewal = this.#ask(context).catch(() => {});
      await this.#renewal;
    }
  }

  async #ask({ run, clock }: StepContext): Promise<void> {
    this.#renewedMs = clock.monotonicMs();
    await this.#door.set({ mode: 'hold', epoch: run.epoch, maxMs: this.#holdMs }, run.token);
  }
}
