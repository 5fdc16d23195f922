import type { Hono } from 'hono';
import type { EvidenceLog } from '../evidence/samples.ts';
import type { Clock, Random } from '../kernel/kernel.ts';
import {
  type ResolverReport,
  type SurveyPlan,
  sampleOf,
  surveyResolvers,
} from '../traffic/survey/survey.ts';

/** A survey that found nobody is not begun again at once, ms. */
const shortestPauseMs = 60_000;

/** What the surveys of this process know, by service; made anew when it starts. */
export class SurveyBoard {
  readonly #reports = new Map<string, readonly ResolverReport[]>();

  show(service: string, reports: readonly ResolverReport[]): void {
    this.#reports.set(service, reports);
  }

  /** `null`: no survey has begun. */
  of(service: string): readonly ResolverReport[] | null {
    return this.#reports.get(service) ?? null;
  }
}

/** `GET /v1/survey/SERVICE`: what is known so far of each resolver; `finished` tells whether that is all. */
export function surveyRoutes(app: Hono, board: SurveyBoard): void {
  app.get('/v1/survey/:service', (c) =>
    c.json({ resolvers: board.of(c.req.param('service')) ?? [] }),
  );
}

export interface SurveyWatch {
  readonly service: string;
  readonly plan: SurveyPlan;
  /** Time between two surveys as it passes here, ms; 0: none by itself. */
  readonly everyMs: number;
  /** Who asks: the name of this machine. */
  readonly vantage: string;
  readonly timeScale: number;
  /** The service's own TTL as it passes here, s. */
  readonly ttlSeconds: number;
  readonly evidence: EvidenceLog;
  readonly board: SurveyBoard;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/**
 * Surveys the service's resolvers again and again, until the signal is aborted. A restart does not begin
 * anew what this vantage measured less than `everyMs` ago. What was known when it ended is kept as
 * unfinished: a hold of at least so long.
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
  // What showed nothing before it was stopped is no sample.
  const known = reports.filter(({ finished, findings }) => finished || findings.kept.length > 0);
  if (known.length === 0) return;
  await watch.evidence.add(
    'resolver',
    known.map((report) => sampleOf(report, watch)),
  );
}

async function untilNextMs({ evidence, vantage, everyMs, clock }: SurveyWatch): Promise<number> {
  const samples = await evidence.list('resolver', { sinceWallMs: clock.wallMs() - everyMs });
  const own = samples.filter((sample) => sample.vantage === vantage && sample.finished);
  const newest = Math.max(0, ...own.map(({ atWallMs }) => atWallMs));
  return Math.max(0, newest + everyMs - clock.wallMs());
}
