/** Most repeats of an act or an undo that failed with `retry`; with the pauses below about 6 s. */
export const maxRepeats = 10;

const firstPauseMs = 25;
const longestPauseMs = 1_000;

/** Pause before repeat number `repeats` (from 0), ms: doubled each time. Short at first: writes may be waiting. */
export function pauseBeforeRepeatMs(repeats: number): number {
  return Math.min(firstPauseMs * 2 ** repeats, longestPauseMs);
}
