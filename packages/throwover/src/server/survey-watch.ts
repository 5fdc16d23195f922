import type { Clock, Random } from '../kernel/kernel.ts';
import type { EvidenceLog } from '../records/records.ts';
import {
  type ResolverReport,
  type SurveyPlan,
  sampleOf,
  surveyResolvers,
} from '../traffic/survey/survey.ts';
import type { Routes } from '../wire/routes.ts';
import { surveyCalls } from './calls.ts';

/** Shortest pause before the next survey, ms, also after one that reached no resolver. */
const shortestPauseMs = 60_000;

/** The results of this process's surveys, by service; empty when the process starts. */
export class SurveyBoard {
  readonly #reports = new Map<string, readonly ResolverReport[]>();

  show(service: string, reports: readonly ResolverReport[]): void {
    this.#reports.set(service, reports);
  }

  /** Returns the reports of a service; `null`: no survey has begun. */
  of(service: string): readonly ResolverReport[] | null {
    return this.#reports.get(service) ?? null;
  }
}

export function surveyRoutes(routes: Routes, board: SurveyBoard): void {
  routes.add(surveyCalls, {
    resolvers: ({ params }) => ({ resolvers: board.of(params.service) ?? [] }),
  });
}

export interface SurveyWatch {
  readonly service: string;
  readonly plan: SurveyPlan;
  /** Time between two surveys in time of this environment, ms; 0: no automatic surveys. */
  readonly everyMs: number;
  /** The place that the survey asks from: the name of this machine. */
  readonly vantage: string;
  readonly evidence: EvidenceLog;
  readonly board: SurveyBoard;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/**
 * Surveys the service's resolvers again and again, until the signal is aborted. After a restart it
 * does not repeat what this vantage measured less than `everyMs` ago. Results at an early end are
 * stored as unfinished: a hold of at least that long.
 */
export async function watchResolvers(watch: SurveyWatch): Promise<void> {
  const { plan, everyMs, clock, random, signal, board, service } = watch;
  if (everyMs <= 0) return;
  const pause = (ms: number) => clock.sleep(ms, signal).catch(() => {});
  await pause(await untilNextMs(watch));
  while (!signal.aborted) {
    const begunMs = clock.monotonicMs();
    const onChange = (reports: readonly ResolverReport[]) => board.show(service, reports);
    const reports = await surveyResolvers({ plan, clock, random, signal, onChange });
    board.show(service, reports);
    await keep(watch, reports);
    await pause(Math.max(shortestPauseMs, everyMs - (clock.monotonicMs() - begunMs)));
  }
}

async function keep(watch: SurveyWatch, reports: readonly ResolverReport[]): Promise<void> {
  // A resolver without any result before the stop gives no sample.
  const known = reports.filter(({ finished, findings }) => finished || findings.kept.length > 0);
  if (known.length === 0) return;
  await watch.evidence.add(
    'resolver',
    known.map((report) => sampleOf(report, { ...watch.plan, vantage: watch.vantage })),
  );
}

async function untilNextMs({ evidence, vantage, everyMs, clock }: SurveyWatch): Promise<number> {
  const samples = await evidence.list('resolver', { sinceWallMs: clock.wallMs() - everyMs });
  const own = samples.filter((sample) => sample.vantage === vantage && sample.finished);
  const newest = Math.max(0, ...own.map(({ atWallMs }) => atWallMs));
  return Math.max(0, newest + everyMs - clock.wallMs());
}
