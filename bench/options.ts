/** What every benchmark is told. */
export interface BenchOptions {
  /** Ends within 50 s. */
  readonly quick: boolean;
  /** Progress for people. */
  readonly say: (line: string) => void;
}
