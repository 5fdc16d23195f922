/** What every contender of a bench does, so that all are measured by the same code. */

/** Where a pair of databases stands, by the two regions' names. */
export interface SwitchRound {
  /** Longest time between two acknowledged writes, ms. */
  readonly writeGapMs: number;
  /** Acknowledged and absent from the new primary. */
  readonly writesLost: number;
}

/** What requests behind `@throwover/client`'s writer see of one planned switch. */
export interface WrappedRound {
  readonly requests: number;
  /** Requests that got an error instead of an answer. */
  readonly failed: number;
  /** Acknowledged and absent from the new primary. */
  readonly writesLost: number;
  /** The longest that one of them waited for its answer, ms. */
  readonly longestMs: number;
}

/** A pair of databases, one of them primary, that can be switched on purpose. */
export interface Switchable {
  readonly name: string;
  /** Between the regions, one way, ms; holds from now on. */
  setLatency(latencyMs: number): Promise<void>;
  /** One planned switch under load; resolves when the old primary follows the new one. */
  switchover(round: number): Promise<SwitchRound>;
  /** The same under requests that use the writer wrapper, which goes by the epochs that throwover records; absent where there are none. */
  wrapped?(round: number): Promise<WrappedRound>;
  close(): Promise<void>;
}

/**
 * How the primary's side is lost. kill: SIGKILL of server and agents at once; its address refuses
 * connections, which flatters detection. freeze: its links are cut, with what is on its way, and all of
 * it stops and answers nothing: the honest case.
 */
export const losses = ['kill', 'freeze'] as const;
export type Loss = (typeof losses)[number];

export interface FailoverRound {
  /** From the loss to the first write acknowledged on the other side, ms; null: none within the patience. */
  readonly lossToFirstWriteMs: number | null;
  /** From the operator's approval to that write, ms; null where nobody is asked. */
  readonly approvalToFirstWriteMs: number | null;
  /** Acknowledged by the lost side and absent from the new primary. */
  readonly writesLost: number;
}

/** A pair of databases whose primary's side can be lost. */
export interface FailsOver {
  readonly name: string;
  setLatency(latencyMs: number): Promise<void>;
  /** Loses the primary's side; resolves when the pair stands again as it was at the start. */
  failover(round: number, loss: Loss): Promise<FailoverRound>;
  close(): Promise<void>;
}
