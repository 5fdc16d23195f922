/**
 * Port: one function in one region.
 * Errors: `functions-unreachable`, `functions-quota`, `functions-provision-failed`.
 */
export interface FunctionRegion {
  readonly region: string;
  facts(): Promise<FunctionFacts>;
  /** Asks for warm capacity; the same call again changes nothing. Not ready when it returns. */
  provision(instances: number): Promise<void>;
  release(): Promise<void>;
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
  /** Settings that must be alike on both sides: code hash, runtime, memory, handler, environment keys. */
  readonly parity: Readonly<Record<string, string>>;
}
