import { formatMs, maxColumns, type TimeScale } from '../../kernel/kernel.ts';
import type { ResolverReport } from '../../traffic/survey/survey.ts';
import { clip } from '../run/progress-view.ts';

const says: Readonly<Record<ResolverReport['findings']['behaviour'], string>> = {
  honest: 'honest',
  'clamps-minimum': 'clamps min',
  'clamps-maximum': 'clamps max',
  'serves-stale': 'serves stale',
  prefetches: 'prefetches',
  ignores: 'ignores TTLs',
  unknown: 'unknown',
};

/** Length of the longest address that is shown in full: `[2001:db8:1234::53]:53`. */
const longestName = 28;

interface Row {
  readonly resolver?: string;
  readonly behaviour?: string;
  readonly ttl: string;
  readonly kept: string;
  readonly longest: string;
  readonly trials: string;
}

/**
 * Returns the current state of a survey as lines of at most 80 columns. Pure. `timeScale` converts
 * the time measured here to life time. `+`: more than one behaviour was found; `...`: the resolver
 * is still being asked; `>`: the answer is still given.
 */
export function surveyLines(
  reports: readonly ResolverReport[],
  { timeScale, nowWallMs }: { timeScale: TimeScale; nowWallMs: number },
): readonly string[] {
  const width = Math.max(8, ...reports.map(({ resolver }) => resolver.length));
  const head: Row = {
    resolver: 'resolver',
    behaviour: 'behaviour',
    ttl: 'TTL',
    kept: 'kept',
    longest: 'longest',
    trials: 'n',
  };
  const rows = [head, ...reports.flatMap((report) => rowsOf(report, timeScale))];
  const working = reports.filter(({ finished }) => !finished).length;
  const since = Math.min(...reports.map(({ startedWallMs }) => startedWallMs));
  const foot =
    working === 0
      ? `${reports.length} surveyed`
      : `${working} of ${reports.length} still asked, for ${formatMs(nowWallMs - since)}: a survey lasts as long as the longest hold`;
  return [...rows.map((row) => lineOf(row, Math.min(width, longestName))), '', foot].map((line) =>
    clip(line, maxColumns),
  );
}

function lineOf({ resolver = '', behaviour = '', ttl, kept, longest, trials }: Row, width: number) {
  const columns = [
    clip(resolver, width).padEnd(width),
    behaviour.padEnd(20),
    ttl.padStart(6),
    kept.padStart(7),
    longest.padStart(8),
    trials.padStart(2),
  ];
  return columns.join(' ').trimEnd();
}

function rowsOf({ resolver, finished, findings }: ResolverReport, timeScale: TimeScale) {
  const { behaviour, clampSeconds, kept, traits } = findings;
  const life = (ms: number) => formatMs(timeScale.life(ms));
  const clamp = clampSeconds === null ? '' : ` ${life(clampSeconds * 1_000)}`;
  const also = traits.length > 1 ? '+' : '';
  const first = {
    resolver,
    behaviour: `${says[behaviour]}${clamp}${also}${finished ? '' : '...'}`,
  };
  if (kept.length === 0) return [{ ...first, ttl: '-', kept: '-', longest: '-', trials: '0' }];
  return kept.map(
    ({ ttlSeconds, keptSeconds, holdsMs, unended }, index): Row => ({
      ...(index === 0 ? first : {}),
      ttl: life(ttlSeconds * 1_000),
      kept: keptSeconds === null ? '-' : life(keptSeconds * 1_000),
      longest:
        holdsMs.length === 0 ? '-' : `${unended > 0 ? '>' : ''}${life(Math.max(...holdsMs))}`,
      trials: String(holdsMs.length),
    }),
  );
}
