import type { PoolConfig } from './config.ts';
import { invalid, throttled } from './lambda-error.ts';

/**
 * Number of executions that may run at once: the account's limit, or the function's reservation.
 * Provisioned instances count fully against it whether they work or not, as in Lambda; the rest is
 * for on-demand executions. The pool has one function, so no other function reserves anything.
 */
export class Concurrency {
  readonly #limits: PoolConfig['limits'];
  #reserved: number | null = null;
  #provisioned = 0;
  #onDemand = 0;
  #inProvisioned = 0;
  #peak = 0;

  constructor(limits: PoolConfig['limits']) {
    this.#limits = limits;
  }

  get account(): number {
    return this.#limits.account;
  }

  get unreserved(): number {
    return this.#limits.account - (this.#reserved ?? 0);
  }

  get reserved(): number | null {
    return this.#reserved;
  }

  /** Highest number of executions at once since the pool started. */
  get peak(): number {
    return this.#peak;
  }

  /** Whether a reservation of 0 stops the function completely: AWS's way to throttle it. */
  get closed(): boolean {
    return this.#reserved === 0;
  }

  /** Throws `TooManyRequestsException` when one more on-demand execution would pass the limit. */
  admit(): void {
    const limit = this.#reserved ?? this.#limits.account;
    if (this.#onDemand + this.#provisioned < limit) return;
    throw throttled(
      this.#reserved === null
        ? 'ConcurrentInvocationLimitExceeded'
        : 'ReservedFunctionConcurrentInvocationLimitExceeded',
    );
  }

  /** Counts one execution until the returned function is called. */
  enter(provisioned: boolean): () => void {
    if (provisioned) this.#inProvisioned += 1;
    else this.#onDemand += 1;
    this.#peak = Math.max(this.#peak, this.#onDemand + this.#inProvisioned);
    return () => {
      if (provisioned) this.#inProvisioned -= 1;
      else this.#onDemand -= 1;
    };
  }

  /** Takes `total` executions for provisioned instances of all qualifiers, or throws. */
  provision(total: number): void {
    if (this.#reserved !== null && total > this.#reserved) {
      throw invalid(
        'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function',
      );
    }
    if (this.#reserved === null) this.#keepMinimum(total);
    this.#provisioned = total;
  }

  reserve(executions: number | null): void {
    if (executions !== null) {
      if (executions < this.#provisioned) {
        throw invalid(
          "ReservedConcurrentExecutions should not be lower than function's total provisioned concurrency",
        );
      }
      this.#keepMinimum(executions);
    }
    this.#reserved = executions;
  }

  #keepMinimum(taken: number): void {
    const { account, unreservedMinimum } = this.#limits;
    if (account - taken >= unreservedMinimum) return;
    throw invalid(
      `Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${unreservedMinimum}].`,
    );
  }
}
