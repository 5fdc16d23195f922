import leven from 'leven';

/**
 * Returns the known name that is closest to a wrong one, if it is close enough to be the intended
 * one.
 */
export function didYouMean(wrong: string, known: readonly string[]): string | undefined {
  // A third of the letters, at least 2 (one swap): `lagbund` becomes lagBound, `foo` matches
  // nothing.
  const bound = Math.max(2, Math.floor(wrong.length / 3));
  const ranked = known
    .map((name) => ({ name, distance: leven(wrong.toLowerCase(), name.toLowerCase()) }))
    .filter((candidate) => candidate.distance <= bound && candidate.distance < wrong.length)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.name;
}
