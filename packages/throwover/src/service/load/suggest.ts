/**
 * Returns the known name that is closest to a wrong one, if it is close enough to be the intended
 * one.
 */
export function didYouMean(wrong: string, known: readonly string[]): string | undefined {
  // A third of the letters, at least 2 (one swap): `lagbund` becomes lagBound, `foo` matches
  // nothing.
  const bound = Math.max(2, Math.floor(wrong.length / 3));
  const ranked = known
    .map((name) => ({ name, distance: distance(wrong.toLowerCase(), name.toLowerCase()) }))
    .filter((candidate) => candidate.distance <= bound && candidate.distance < wrong.length)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.name;
}

/** Levenshtein distance: letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
