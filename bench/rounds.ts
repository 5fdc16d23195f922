import { type Spread, spread } from './figures.ts';

/** The results of the rounds, by the name of the contender. */
export type Measured<Round> = ReadonlyMap<string, readonly Round[]>;

/** Plays rounds one after another, in each of them every contender in turn. */
export async function playRounds<Contender extends { readonly name: string }, Round>(
  contenders: readonly Contender[],
  options: {
    readonly rounds: number;
    /** Plays one more round before the others, which is discarded: compilers and pools warm up. */
    readonly warmUp?: true;
    /** Whether there is time for this round, 1 for the first; when not, it is the end. */
    readonly fits?: (round: number) => boolean;
  },
  play: (contender: Contender, round: number) => Promise<Round>,
): Promise<Measured<Round>> {
  const measured = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
  for (let round = options.warmUp ? 0 : 1; round <= options.rounds; round++) {
    if (options.fits?.(round) === false) break;
    for (const contender of contenders) {
      const seen = await play(contender, round);
      if (round > 0) measured.get(contender.name)?.push(seen);
    }
  }
  return measured;
}

/** Returns the number of rounds of each contender. */
export function roundsIn(measured: Measured<unknown>): number {
  return Math.max(0, ...[...measured.values()].map(({ length }) => length));
}

/** Returns the spread of a figure for each contender; without those that know it in no round. */
export function spreads<Round>(
  measured: Measured<Round>,
  figure: (round: Round) => number | null,
): Readonly<Record<string, Spread>> {
  return Object.fromEntries(
    [...measured].flatMap(([name, rounds]) => {
      const known = rounds.map(figure).filter((value) => value !== null);
      return known.length === 0 ? [] : [[name, spread(known)]];
    }),
  );
}

/** Returns the sum of a figure over all rounds, for each contender. */
export function totals<Round>(
  measured: Measured<Round>,
  figure: (round: Round) => number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...measured].map(([name, rounds]) => [
      name,
      rounds.reduce((sum, one) => sum + figure(one), 0),
    ]),
  );
}

/** Returns our median divided by the median of each contender that is not throwover's. */
export function ratiosTo(
  own: Spread | undefined,
  others: Readonly<Record<string, Spread>>,
): Readonly<Record<string, number>> {
  if (own === undefined) return {};
  return Object.fromEntries(
    Object.entries(others)
      .filter(([name]) => !name.startsWith('throwover'))
      .map(([name, { median }]) => [name, own.median / median]),
  );
}
