/** The golden ratio's fraction: its multiples fill an interval evenly, however many there are. */
const goldenFraction = 0.618_033_988_749_895;

/**
 * Returns the time of a round's loss within an agent's loop, ms. How long a loss goes unnoticed
 * depends on it, and rounds that all begin right after a fresh start would meet the same point of
 * the loop.
 */
export function spreadPhase(round: number, loopMs: number): number {
  return ((round * goldenFraction) % 1) * loopMs;
}
