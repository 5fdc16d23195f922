/** Returns the violation `COUNT WHAT`; none when the count is 0. */
export const violation = (count: number, what: string): readonly string[] =>
  count === 0 ? [] : [`${count} ${what}`];

/** Returns the verdict on a round, for people. */
export const verdictText = (violations: readonly string[]) =>
  violations.length === 0 ? 'clean' : `VIOLATED: ${violations.join('; ')}`;
