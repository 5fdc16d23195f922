/**
 * Port: one function in one region.
 *
 * Deadline of a call: 10 s; of `warmUp`: `holdMs` plus 60 s. All calls are safe to repeat. Errors:
 * `functions-unreachable`, `functions-denied`, `functions-missing`, `functions-refused`,
 * `functions-quota`, `functions-not-wrapped` (warmUp).
 */
export interface FunctionRegion {
  readonly region: string;
  facts(): Promise<FunctionFacts>;
  /**
   * Requests warm capacity; the same call again changes nothing. The capacity is not ready yet when
   * it returns.
   */
  provision(instances: number): Promise<void>;
  release(): Promise<void>;
  /**
   * Invokes the function `instances` times at the same time with an event that `withWarmUp` of
   * @throwover/client answers. Each invocation is held for `holdMs`, so that no environment answers
   * two. One invocation is sent first, alone: a function without the wrapper sees only that one
   * (`functions-not-wrapped`).
   */
  warmUp(options: { instances: number; holdMs: number }): Promise<WarmUpRound>;
}

export interface FunctionFacts {
  readonly region: string;
  /** `null` when none was requested. */
  readonly provisioned: {
    readonly requested: number;
    readonly ready: number;
    readonly status: 'in-progress' | 'ready' | 'failed';
    readonly reason: string | null;
  } | null;
  /** Account limit of concurrent executions in this region. */
  readonly accountLimit: number;
  readonly unreservedLimit: number;
  /** Reserved for this function, or `null`. */
  readonly reserved: number | null;
  readonly memoryMb: number;
  /** Longest duration of an invocation, ms; the provider ends a longer one. */
  readonly timeoutMs: number;
  /**
   * Settings that must be the same on both sides: code hash, runtime, architecture, memory,
   * time-out, temporary disk, handler, layers (name and size, because their versions are counted
   * per region), environment keys.
   */
  readonly parity: Readonly<Record<string, string>>;
}

/** The result of one round of warm-up invocations. */
export interface WarmUpRound {
  /** Ids of the environments that answered, each once. */
  readonly instances: readonly string[];
  /** Number of environments that were started for this round. */
  readonly cold: number;
  /** Durations of these starts, ms, as the provider reports them. */
  readonly initMs: readonly number[];
  /** Number of invocations that were refused for lack of concurrency. */
  readonly throttled: number;
  /** Number of invocations that failed for another reason; `reason` is the first one. */
  readonly failed: number;
  readonly reason: string | null;
  /** Billed time, ms of all invocations together. */
  readonly billedMs: number;
  readonly requests: number;
}
