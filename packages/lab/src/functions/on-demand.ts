import type { Clock } from 'throwover/kernel';
import type { Instance } from './instance.ts';
import { LambdaError, throttled } from './lambda-error.ts';
import { ScaleUp } from './scale-up.ts';

/** The target of a request: the version behind its qualifier. */
export interface Target {
  readonly qualifier: string | undefined;
  readonly version: string;
}

/** An instance that is claimed for one request; `cold` when it was started for this request. */
export interface Placement {
  readonly instance: Instance;
  readonly cold: boolean;
}

interface Waiting {
  readonly target: Target;
  readonly settle: (placement: Placement) => void;
  readonly refuse: (error: Error) => void;
}

interface OnDemandOptions {
  readonly startsAtOnce: number;
  readonly scaleUp: number;
  readonly clock: Clock;
  readonly start: (version: string) => Instance;
}

/**
 * Instances that requests started, and the choice of the one that takes the next request.
 *
 * A request takes an idle instance of its version: the one used last, so that the others age and
 * are reaped. Without one it starts its own and waits for that, even when another becomes free
 * first. Unlike at AWS, starts share the cores of one machine: at most `startsAtOnce` run at the
 * same time, so that each takes its normal time. A request whose start has not begun waits in line,
 * and takes whichever comes first: a free instance, also a provisioned one, or a start.
 */
export class OnDemand {
  /** Instances that have served; the one used last is at the end. */
  readonly #served = new Set<Instance>();
  readonly #line: Waiting[] = [];
  readonly #options: OnDemandOptions;
  readonly #scaleUp: ScaleUp;
  #starting = 0;

  constructor(options: OnDemandOptions) {
    this.#options = options;
    this.#scaleUp = new ScaleUp(options.scaleUp, options.clock);
  }

  /** Number of requests whose start has not begun. */
  get inLine(): number {
    return this.#line.length;
  }

  /** Rejects with `TooManyRequestsException` when instances may not be added that fast. */
  async place(target: Target): Promise<Placement> {
    const { version } = target;
    const idle = [...this.#served].findLast((i) => i.state === 'idle' && i.version === version);
    if (idle) {
      idle.claim();
      return { instance: idle, cold: false };
    }
    if (this.#starting < this.#options.startsAtOnce) return this.#begin(version);
    return new Promise((settle, refuse) => this.#line.push({ target, settle, refuse }));
  }

  /** Called when one of them has finished a request. */
  freed(instance: Instance): void {
    this.#served.delete(instance);
    this.#served.add(instance);
    this.offer(instance);
  }

  /** Gives an idle instance to the first request in line that it fits. */
  offer(instance: Instance): void {
    const { provisionedFor, version } = instance;
    const next = this.#line.findIndex(({ target }) =>
      provisionedFor === null ? target.version === version : target.qualifier === provisionedFor,
    );
    const waiting = this.#line[next];
    if (!waiting) return;
    this.#line.splice(next, 1);
    instance.claim();
    waiting.settle({ instance, cold: false });
  }

  /** Called when one of them is gone. */
  died(instance: Instance): void {
    this.#served.delete(instance);
  }

  /** Removes and returns the instances that have been idle for `ms`. */
  takeIdleFor(ms: number): Instance[] {
    const aged = [...this.#served].filter((i) => i.state === 'idle' && i.idleMs() >= ms);
    for (const instance of aged) this.#served.delete(instance);
    return aged;
  }

  close(): void {
    const error = new LambdaError('ServiceException', 'The service is shutting down.');
    for (const { refuse } of this.#line.splice(0)) refuse(error);
  }

  #begin(version: string): Placement {
    if (!this.#scaleUp.take()) {
      throw throttled('FunctionInvocationRateLimitExceeded');
    }
    const instance = this.#options.start(version);
    this.#starting += 1;
    instance.started.then(() => {
      this.#starting -= 1;
      this.#nextInLine();
    });
    return { instance, cold: true };
  }

  #nextInLine(): void {
    while (this.#starting < this.#options.startsAtOnce) {
      const waiting = this.#line.shift();
      if (!waiting) return;
      try {
        waiting.settle(this.#begin(waiting.target.version));
      } catch (error) {
        waiting.refuse(error as Error);
      }
    }
  }
}
