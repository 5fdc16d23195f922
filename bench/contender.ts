/**
 * The interface that every contender of a bench implements, so that all are measured by the same
 * code.
 */

/** Figures of one planned switch. */
export interface SwitchRound {
  /** Longest time between two acknowledged writes, ms. */
  readonly writeGapMs: number;
  /** Number of writes that were acknowledged but are missing on the new primary. */
  readonly writesLost: number;
}

/** Figures of one planned switch for requests behind `@throwover/client`'s writer. */
export interface WrappedRound {
  readonly requests: number;
  /** Requests that got an error instead of an answer. */
  readonly failed: number;
  /** Number of writes that were acknowledged but are missing on the new primary. */
  readonly writesLost: number;
  /** The longest wait of one request for its answer, ms. */
  readonly longestMs: number;
}

/** A pair of databases, one of them primary, that supports planned switches. */
export interface Switchable {
  readonly name: string;
  /** Sets the latency between the regions, one way, ms, from now on. */
  setLatency(latencyMs: number): Promise<void>;
  /** Makes one planned switch under load; resolves when the old primary follows the new one. */
  switchover(round: number): Promise<SwitchRound>;
  /**
   * The same for requests that use the writer wrapper, which relies on the epochs that throwover
   * records; absent where there are none.
   */
  wrapped?(round: number): Promise<WrappedRound>;
  close(): Promise<void>;
}

/**
 * How the primary's side is lost. kill: SIGKILL of server and agents at once; its address refuses
 * connections, which makes detection easy. freeze: its links are cut, also for packets on their
 * way, and all its processes stop and answer nothing: the realistic case.
 */
export const losses = ['kill', 'freeze'] as const;
export type Loss = (typeof losses)[number];

export interface FailoverRound {
  /**
   * Time from the loss to the first write acknowledged on the other side, ms; null: none in the
   * allowed time.
   */
  readonly lossToFirstWriteMs: number | null;
  /** Time from the operator's approval to that write, ms; null where nobody is asked. */
  readonly approvalToFirstWriteMs: number | null;
  /** Number of writes that the lost side acknowledged but that are missing on the new primary. */
  readonly writesLost: number;
}

/** A pair of databases whose primary's side can be lost. */
export interface FailsOver {
  readonly name: string;
  setLatency(latencyMs: number): Promise<void>;
  /** Loses the primary's side; resolves when the pair is restored to its first state. */
  failover(round: number, loss: Loss): Promise<FailoverRound>;
  close(): Promise<void>;
}
