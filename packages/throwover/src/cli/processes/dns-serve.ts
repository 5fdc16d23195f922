import { hostname } from 'node:os';
import type { EvidenceLog } from '../../records/records.ts';
import type { RunningCanary } from '../../traffic/canary/canary.ts';
import type { Routes } from '../../wire/routes.ts';
import { surveyPlanOf } from '../dns/dns.ts';
import type { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';

/**
 * The DNS work of `throwover serve`: canary zones and surveys of the services that it looks after.
 */
export interface DnsParts {
  routes(routes: Routes): void;
  /** Finds which resolver asked for each beacon; `null` when no canary zone is served here. */
  readonly resolverOf: ((nonces: readonly string[]) => Promise<ReadonlyMap<string, string>>) | null;
  /**
   * Surveys the service's resolvers until the signal is aborted; returns at once when none is
   * declared.
   */
  watch(session: Session, evidence: EvidenceLog, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the DNS parts. Errors: `canary-listen-failed`; `survey-no-zone` and `survey-no-resolver`
 * for a survey that cannot be made. After an error nothing is left running.
 */
export async function startDnsParts(
  { clock, random }: Terminal,
  sessions: readonly Session[],
): Promise<DnsParts> {
  const [{ canaryRoutes }, { SurveyBoard, surveyRoutes, watchResolvers }] = await Promise.all([
    import('../../server/canary-routes.ts'),
    import('../../server/survey-watch.ts'),
  ]);
  for (const { loaded } of sessions) {
    if (loaded.service.survey !== undefined) surveyPlanOf(loaded.service);
  }
  const canaries = await startCanaries({ clock }, sessions);
  const board = new SurveyBoard();
  return {
    routes: (routes) => {
      canaryRoutes(routes, canaries);
      surveyRoutes(routes, board);
    },
    resolverOf:
      canaries.length === 0
        ? null
        : async (nonces) =>
            new Map(
              nonces.flatMap((nonce) =>
                canaries.flatMap((canary) => {
                  const seen = canary.seen(nonce);
                  return seen === null ? [] : [[nonce, seen.resolver] as const];
                }),
              ),
            ),
    watch: async ({ loaded: { service } }, evidence, signal) => {
      if (service.survey === undefined) return;
      await watchResolvers({
        service: service.name,
        plan: surveyPlanOf(service),
        everyMs: service.timeScale.real(service.survey.everyMs),
        vantage: hostname(),
        evidence,
        board,
        clock,
        random,
        signal,
      });
    },
    close: async () => {
      await Promise.all(canaries.map((canary) => canary.close()));
    },
  };
}

/** Starts one canary server for each address, because services may share a zone. */
async function startCanaries(
  { clock }: Pick<Terminal, 'clock'>,
  sessions: readonly Session[],
): Promise<readonly RunningCanary[]> {
  const [{ startCanary }, { parseSocket }] = await Promise.all([
    import('../../traffic/canary/canary.ts'),
    import('../../service/service.ts'),
  ]);
  const declared = new Map(
    sessions.flatMap(({ loaded }) => {
      const { canary } = loaded.service;
      return canary?.listen === undefined ? [] : [[canary.listen, canary] as const];
    }),
  );
  const canaries: RunningCanary[] = [];
  try {
    for (const [listen, { zone, nameservers, ttlMs, answersPerSecond }] of declared) {
      const ttlSeconds = Math.round(ttlMs / 1_000);
      canaries.push(
        await startCanary({
          zone: { zone, nameservers, ttlSeconds },
          ...parseSocket(listen),
          answersPerSecond,
          clock,
        }),
      );
    }
  } catch (error) {
    await Promise.all(canaries.map((canary) => canary.close()));
    throw error;
  }
  return canaries;
}
