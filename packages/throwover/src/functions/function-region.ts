/**
 * Port: one function in one region.
 *
 * Deadline of a call: 10 s; of `warmUp` `holdMs` and 60 s. Safe to repeat: all. Errors:
 * `functions-unreachable`, `functions-denied`, `functions-missing`, `functions-refused`,
 * `functions-quota`, `functions-not-wrapped` (warmUp).
 */
export interface FunctionRegion {
  readonly region: string;
  facts(): Promise<FunctionFacts>;
  /** Asks for warm capacity; the same call again changes nothing. Not ready when it returns. */
  provision(instances: number): Promise<void>;
  release(): Promise<void>;
  /**
   * Invokes the function `instances` times at once with an event that `withWarmUp` of @throwover/client
   * answers, each held for `holdMs` so that no environment answers two. One invocation goes ahead alone:
   * a function without the wrapper sees that one and no more (`functions-not-wrapped`).
   */
  warmUp(options: { instances: number; holdMs: number }): Promise<WarmUpRound>;
}

export interface FunctionFacts {
  readonly region: string;
  /** `null` when none was asked for. */
  readonly provisioned: {
    readonly requested: number;
    readonly ready: number;
    readonly status: 'in-progress' | 'ready' | 'failed';
    readonly reason: string | null;
  } | null;
  /** Account limit of concurrent executions in this region. */
  readonly accountLimit: number;
  readonly unreservedLimit: number;
  /** Reserved for this function, or null. */
  readonly reserved: number | null;
  readonly memoryMb: number;
  /** An invocation that takes longer is ended, ms. */
  readonly timeoutMs: number;
  /**
   * Settings that must be alike on both sides: code hash, runtime, architecture, memory, time-out, temporary
   * disk, handler, layers (name and size: their versions are counted per region), environment keys.
   */
  readonly parity: Readonly<Record<string, string>>;
}

/** What one round of warm-up invocations met. */
export interface WarmUpRound {
  /** Ids of the environments that answered, each once. */
  readonly instances: readonly string[];
  /** How many of them were started for it. */
  readonly cold: number;
  /** How long those starts took, ms, as the provider reports them. */
  readonly initMs: readonly number[];
  /** Invocations that were refused for lack of concurrency. */
  readonly throttled: number;
  /** Invocations that failed otherwise, with the first reason. */
  readonly failed: number;
  readonly reason: string | null;
  /** What is paid for, ms of all invocations together. */
  readonly billedMs: number;
  readonly requests: number;
}
