/**
 * How caching resolvers keep answers, by asking them for names of the canary zone (traffic/canary).
 *
 *   observation.ts      what one query shows
 *   ask.ts              asks a resolver over DNS
 *   schedule.ts         when a name is asked again
 *   resolver-survey.ts  one resolver: which names, for how long
 *   copies.ts           observations -> answers as a cache kept them
 *   infer.ts            answers -> behaviour, clamp
 *   sample.ts           behaviour -> a sample for the forecast
 *
 * For each TTL three fresh names are followed until their answer is replaced; one name is left alone past
 * its end, and one more while the zone's server fails. The server writes into each answer when it was
 * given, so no record has to change and no clock has to agree.
 */
import type { Clock, Random } from '../../kernel/kernel.ts';
import { dnsResolverClient, type ResolverClient } from './ask.ts';
import { ResolverSurvey } from './resolver-survey.ts';
import type { ResolverReport } from './sample.ts';

export { type ResolverReport, sampleOf } from './sample.ts';

export interface SurveyPlan {
  /** The canary zone. */
  readonly zone: string;
  /** Address and port each. */
  readonly resolvers: readonly string[];
  /** TTLs as they pass here, whole seconds. */
  readonly ttlsSeconds: readonly number[];
  /** What is still kept after this time counts as never let go, ms. */
  readonly longestHoldMs: number;
}

/** A whole second is the shortest TTL; the service's own is measured too. All life ms. */
export function ttlsOf(lifeMs: readonly number[], timeScale: number): readonly number[] {
  const seconds = lifeMs.map((ms) => Math.max(1, Math.round(ms / timeScale / 1_000)));
  return [...new Set(seconds)].sort((a, b) => a - b);
}

/**
 * Asks all resolvers at once; ends when the longest hold has ended, or early when the signal is aborted:
 * then what is not `finished` is "at least". `onChange` is told whenever something more is known.
 */
export async function surveyResolvers(options: {
  plan: SurveyPlan;
  clock: Clock;
  random: Random;
  signal: AbortSignal;
  onChange?: (reports: readonly ResolverReport[]) => void;
  /** How a resolver is asked; over DNS when it is left out. */
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
