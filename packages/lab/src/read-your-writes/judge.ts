import { z } from 'zod';
import { violation } from '../chaos/violations.ts';
import { type ClientRecord, type OwnRead, ownOutcomes } from '../clients/own-reads.ts';

/**
 * Answers of checkout when a token was shown to it after the round. `not-there`: 404, without an
 * explanation.
 */
export type Said = 'survived' | 'lost' | 'not-there' | 'undecided';

/** One acknowledged write, and the answer about it at one place. */
export interface Shown {
  readonly key: string;
  readonly at: 'door' | 'home';
  readonly said: Said;
}

/** Outcomes of the reads of one half of the clients. */
const readCounts = z.object({
  fresh: z.number(),
  stale: z.number(),
  'not-yet': z.number(),
  undecided: z.number(),
  lost: z.number(),
  failed: z.number(),
  /** Stale reads whose write had not survived, without a report of the loss. */
  silentLoss: z.number(),
  /** Reads that the other region's database answered. */
  routed: z.number(),
});
export type ReadCounts = z.infer<typeof readCounts>;

export const roundFigures = z.object({
  writes: z.number(),
  /** Acknowledged writes that are not in the surviving database. */
  lost: z.number(),
  /** Lost writes that were reported as `lost` everywhere their token was shown. */
  lostSaid: z.number(),
  /** Answers `lost` about writes that survived. */
  lostWrongly: z.number(),
  /** Number of tokens shown after the round, including those of earlier rounds. */
  shown: z.number(),
  withToken: readCounts,
  withoutToken: readCounts,
});
export type RoundFigures = z.infer<typeof roundFigures>;

/**
 * Judges one round, from the clients' records, the tokens shown after it, and the contents of the
 * surviving database. Pure.
 *
 * A violation is: a read with a token that missed its write without an explanation; `lost` for a
 * write that survived, or no `lost` for one that did not; a planned switch that lost a write; an
 * acknowledgement without a token.
 */
export function judge(round: {
  readonly planned: boolean;
  readonly records: readonly ClientRecord[];
  readonly shown: readonly Shown[];
  readonly survivors: ReadonlySet<string>;
}): { figures: RoundFigures; violations: readonly string[] } {
  const { records, shown, survivors } = round;
  const survived = ({ key }: { readonly key: string | null }) => key !== null && survivors.has(key);
  const writes = records.filter(({ kind, ok }) => kind === 'write' && ok);
  const lost = writes.filter((write) => !survived(write));
  const reads = records.flatMap((record) =>
    record.own === undefined ? [] : [{ ...record.own, survived: survived(record) }],
  );
  const saidWrongly = [
    ...shown.filter((one) => one.said === 'lost' && survived(one)),
    ...reads.filter((read) => read.outcome === 'lost' && read.survived),
  ];
  const wanting = shown.filter((one) => one.said !== (survived(one) ? 'survived' : 'lost'));
  const answersOf = new Map(lost.map(({ key }) => [key, [] as Said[]]));
  for (const { key, said } of shown) answersOf.get(key)?.push(said);
  const withToken = countsOf(reads.filter(({ carried }) => carried));
  const figures: RoundFigures = {
    writes: writes.length,
    lost: lost.length,
    lostSaid: [...answersOf.values()].filter(
      (said) => said.length > 0 && said.every((one) => one === 'lost'),
    ).length,
    lostWrongly: saidWrongly.length,
    shown: shown.length,
    withToken,
    withoutToken: countsOf(reads.filter(({ carried }) => !carried)),
  };
  const violations = [
    violation(withToken.stale, 'reads with a token were stale'),
    violation(figures.lostWrongly, 'answers said that a write is lost which survived'),
    violation(
      wanting.filter((one) => !survived(one)).length,
      'tokens of lost writes were not told so',
    ),
    violation(
      wanting.filter((one) => survived(one) && one.said !== 'lost').length,
      'tokens of writes that survived were not satisfied in the end',
    ),
    violation(lost.length - figures.lostSaid, 'lost writes were not said to be lost'),
    violation(round.planned ? lost.length : 0, 'acknowledged writes were lost by a planned switch'),
    violation(
      writes.filter(({ token }) => token === undefined || token === '').length,
      'acknowledgements had no token',
    ),
  ].flat();
  return { figures, violations };
}

function countsOf(reads: readonly (OwnRead & { readonly survived: boolean })[]): ReadCounts {
  const count = (is: (read: (typeof reads)[number]) => boolean) => reads.filter(is).length;
  const outcomes = Object.fromEntries(
    ownOutcomes.map((outcome) => [outcome, count((read) => read.outcome === outcome)]),
  ) as Record<OwnRead['outcome'], number>;
  return {
    ...outcomes,
    silentLoss: count((read) => read.outcome === 'stale' && !read.survived),
    routed: count((read) => read.seen?.routed === true),
  };
}
