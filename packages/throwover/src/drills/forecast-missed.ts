/** Forecasts before the runs of a drill that turned out wrong. Pure. */
import type { EvidenceSample } from '../records/records.ts';
import type { Drill } from './drill.ts';
import type { Finding, FindingEvent } from './finding.ts';

type Score = EvidenceSample<'forecast-score'>;

const shares = ['t50', 't90', 't99'] as const;

/**
 * Returns a finding for each run of a drill whose forecast was missed: the measured value of at
 * least one share of the traffic lies outside of its 90 % interval. An unknown value is not a miss.
 * Each run gets one finding, however often this is called.
 */
export function missedForecasts(
  drills: readonly Drill[],
  scores: readonly Score[],
  findings: readonly Finding[],
): readonly Extract<FindingEvent, { event: 'raised' }>[] {
  const raised = new Set(
    findings.flatMap(({ source, runId }) => (source === 'forecast-missed' ? [runId] : [])),
  );
  return drills.flatMap(({ id, runs }) =>
    runs.flatMap(({ leg, runId }) => {
      const score = scores.find((each) => each.runId === runId);
      if (score === undefined || raised.has(runId)) return [];
      const missed = shares.filter((share) => score[share].inside === false);
      if (missed.length === 0) return [];
      const said = missed.map((share) => missedText(share, score[share])).join('; ');
      const text = `the forecast of the way ${leg} was missed: ${said}`;
      return [{ event: 'raised', text, source: 'forecast-missed', drill: id, runId } as const];
    }),
  );
}

function missedText(
  share: (typeof shares)[number],
  { measuredLifeMs, lowLifeMs, highLifeMs }: Score['t50'],
): string {
  const seconds = (ms: number | null) => (ms === null ? 'unknown' : `${(ms / 1_000).toFixed(1)} s`);
  return `${share} ${seconds(measuredLifeMs)}, forecast ${seconds(lowLifeMs)} to ${seconds(highLifeMs)}`;
}
