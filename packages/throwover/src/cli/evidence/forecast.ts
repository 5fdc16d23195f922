import {
  calibrationOf,
  type ForecastKind,
  forwards,
  type Gathered,
  gatherForecast,
} from '../../evidence/evidence.ts';
import { type ForecastFacts, forecast, type ShareName } from '../../evidence/forecast/forecast.ts';
import { quantiles, seededRandom } from '../../kernel/kernel.ts';
import { type EvidenceSample, firstMinutesRatios, maxSamplesACall } from '../../records/records.ts';
import { ttlSecondsOf } from '../../service/service.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Session, serviceState } from '../session.ts';
import { forecastLines, type WhatIf } from './forecast-view.ts';

/** TTLs to try, s, where they are below today's. */
const triedTtls = [20, 5];

interface Given {
  readonly kind: ForecastKind;
  readonly share: ShareName;
  readonly whatIf: boolean;
  /** Drawn at random and shown when it is left out. */
  readonly seed?: number | undefined;
}

/**
 * `throwover forecast`: predicts from measurements how long traffic would take to move. Changes
 * nothing.
 */
export async function forecastCommand(
  { terminal, output, session }: CommandContext,
  { kind, share, whatIf, seed: given }: Given,
): Promise<ExitCode> {
  const { service } = session.loaded;
  const { store, evidence } = session.parts;
  const { active: from } = await serviceState(session);
  const [gathered, calibration] = await Promise.all([
    gatherForecast({ service, store, evidence, kind, from, clock: session.clock }),
    calibrations(session),
  ]);
  const seed = given ?? terminal.random.integer(1_000_000);
  const made = forecast(gathered.facts, seededRandom(seed));
  const shown = {
    ...{ service: service.name, kind, from, seed, share, forecast: made, calibration },
    forwarding: forwards(kind),
    asked: gathered.asked,
    resolvers: gathered.facts.holdover.resolvers.length,
    whatIf: whatIf ? await whatIfs(session, gathered, { kind, share, seed }) : [],
  };
  output.result(shown, forecastLines(shown).join('\n'));
  return exitCodes.ok;
}

/** Returns how accurate the forecasts before earlier runs were. */
export async function calibrations({ parts: { evidence } }: Session) {
  const scores = await evidence.list('forecast-score', { limit: maxSamplesACall });
  const of = (name: ShareName) => calibrationOf(scores, name);
  return { t50: of('t50'), t90: of('t90'), t99: of('t99') };
}

async function whatIfs(
  session: Session,
  { facts, atTtl }: Gathered,
  { kind, share, seed }: { kind: ForecastKind; share: ShareName; seed: number },
): Promise<readonly WhatIf[]> {
  const { service } = session.loaded;
  const rto = (changed: ForecastFacts) => forecast(changed, seededRandom(seed)).rto[share];
  const ttl = ttlSecondsOf(service);
  const other = !forwards(kind);
  const none = { cost: 'none', latency: 'none' };
  const unmeasuredFlip = facts.stages.map((stage) =>
    stage.stage === 'flip' ? { ...stage, samplesLifeMs: [], ageMs: null } : stage,
  );
  const strategies = await session.parts.evidence.list('five-minutes', { limit: maxSamplesACall });
  return [
    { name: 'as it is', rto: rto(facts), ...none, complexity: '-' },
    {
      name: other ? 'doors forward (old lives)' : 'no forwarding (old lost)',
      rto: rto({ ...facts, forwarding: other }),
      cost: other ? 'a door' : 'none',
      latency: other ? 'stragglers' : 'none',
      complexity: other ? 'a door a region' : 'less',
    },
    ...triedTtls
      .filter((seconds) => seconds < ttl)
      .map((seconds) => ({
        name: `TTL ${seconds} s, no forwarding`,
        rto: rto({ ...atTtl(seconds), forwarding: false }),
        cost: 'queries',
        latency: 'dns ttl',
        complexity: 'one line of DNS',
      })),
    ...(service.traffic.provider === 'arc'
      ? []
      : [
          {
            name: 'data-plane flip (ARC)',
            rto: rto({ ...facts, stages: unmeasuredFlip }),
            cost: 'a cluster',
            latency: 'none',
            complexity: 'cluster, controls',
          },
        ]),
    ...[...Map.groupBy(strategies, ({ strategy }) => strategy)].map(([strategy, samples]) =>
      warmRow(strategy, samples, rto(facts)),
    ),
  ];
}

/**
 * Returns the cost of earlier runs with this strategy in their first minutes; the RTO does not
 * depend on it.
 */
function warmRow(
  strategy: string,
  samples: readonly EvidenceSample<'five-minutes'>[],
  rto: WhatIf['rto'],
): WhatIf {
  const costs = quantiles(samples.flatMap(({ costUsd }) => costUsd ?? []));
  const ratios = quantiles(firstMinutesRatios(samples));
  return {
    name: `warm: ${strategy}`,
    rto,
    cost: costs === null ? 'unknown' : `$${costs.p50.toPrecision(2)}/run`,
    latency: ratios === null ? 'unknown' : `p99 x${ratios.p50.toFixed(1)}`,
    complexity: `n=${samples.length}`,
  };
}
