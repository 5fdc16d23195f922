/**
 * Measures how caching resolvers keep answers, by asking them for names of the canary zone
 * (traffic/canary).
 *
 *   observation.ts      the result of one query
 *   ask.ts              asks a resolver over DNS
 *   schedule.ts         decides when a name is asked again
 *   resolver-survey.ts  one resolver: its names, and how long each is asked
 *   copies.ts           observations -> answers as a cache kept them
 *   infer.ts            answers -> behaviour, clamp
 *   report.ts           the report of a resolver, as a schema
 *   sample.ts           report -> a sample for the forecast
 *
 * For each TTL three fresh names are followed until their answer is replaced; one name is left
 * alone past its end, and one more while the zone's server fails. The server writes the time into
 * each answer, so no record has to change and the clocks need not agree.
 */
import type { Clock, Random, TimeScale } from '../../kernel/kernel.ts';
import { dnsResolverClient, type ResolverClient } from './ask.ts';
import type { ResolverReport } from './report.ts';
import { ResolverSurvey } from './resolver-survey.ts';

export { type ResolverReport, resolverReport } from './report.ts';
export { sampleOf } from './sample.ts';

export interface SurveyPlan {
  /** The canary zone. */
  readonly zone: string;
  /** Address and port of each resolver. */
  readonly resolvers: readonly string[];
  /** TTLs in time of this environment, whole seconds. */
  readonly ttlsSeconds: readonly number[];
  /** An answer that is still kept after this time counts as never released, ms. */
  readonly longestHoldMs: number;
  readonly timeScale: TimeScale;
  /** The service's own TTL in time of this environment, s; `null`: not known. */
  readonly ownTtlSeconds: number | null;
}

/** Returns the TTLs to measure, in whole seconds. A whole second is the shortest TTL. */
export function ttlsOf(ttlsMs: readonly number[]): readonly number[] {
  const seconds = ttlsMs.map((ms) => Math.max(1, Math.round(ms / 1_000)));
  return [...new Set(seconds)].sort((a, b) => a - b);
}

/**
 * Asks all resolvers at the same time. Ends when the longest hold has ended, or early when the
 * signal is aborted: then reports that are not `finished` are lower bounds. Calls `onChange`
 * whenever there are new results.
 */
export async function surveyResolvers(options: {
  plan: SurveyPlan;
  clock: Clock;
  random: Random;
  signal: AbortSignal;
  onChange?: (reports: readonly ResolverReport[]) => void;
  /** Makes the client that asks a resolver; default: over DNS. */
  client?: (resolver: string) => ResolverClient;
}): Promise<readonly ResolverReport[]> {
  const { plan, clock, random, signal, onChange } = options;
  const open = options.client ?? ((resolver) => dnsResolverClient(resolver, clock));
  const startedWallMs = clock.wallMs();
  const surveys = plan.resolvers.map((resolver) => {
    const client = open(resolver);
    const survey: ResolverSurvey = new ResolverSurvey({
      client,
      ...plan,
      clock,
      random,
      onChange: () => onChange?.(reports()),
    });
    return { resolver, client, survey };
  });
  const reports = () =>
    surveys.map(({ resolver, survey }) => ({
      resolver,
      identity: survey.identity,
      startedWallMs,
      atWallMs: clock.wallMs(),
      finished: survey.finished,
      findings: survey.findings(),
    }));
  try {
    await Promise.all(surveys.map(({ survey }) => survey.run(signal)));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const { client } of surveys) client.close();
  }
  return reports();
}
