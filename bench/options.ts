/** Options of every benchmark. */
export interface BenchOptions {
  /** Ends within 50 s. */
  readonly quick: boolean;
  /** Also measures Patroni and repmgr in the same run. */
  readonly peers: boolean;
  /** Rounds for each contender and latency; null: the bench's own default. */
  readonly rounds: number | null;
  /** Stores the peers' medians for later quick runs. */
  readonly record: boolean;
  /** Names of the contenders to measure; null: all that the mode has. */
  readonly only: readonly string[] | null;
  /** Shows progress to people. */
  readonly say: (line: string) => void;
}
