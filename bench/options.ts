/** What every benchmark is told. */
export interface BenchOptions {
  /** Ends within 50 s. */
  readonly quick: boolean;
  /** Beside Patroni and repmgr, measured in the same run. */
  readonly peers: boolean;
  /** Of each contender and latency; null: the bench's own default. */
  readonly rounds: number | null;
  /** Keep the peers' medians for quick runs to come. */
  readonly record: boolean;
  /** Names of the contenders to measure; null: all that the mode has. */
  readonly only: readonly string[] | null;
  /** Progress for people. */
  readonly say: (line: string) => void;
}
