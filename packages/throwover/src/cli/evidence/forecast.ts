import { Option } from 'commander';
import {
  calibrationOf,
  type ForecastKind,
  forecastKinds,
  forwards,
  type Gathered,
  gatherForecast,
} from '../../evidence/evidence.ts';
import { type ForecastFacts, forecast, type ShareName } from '../../evidence/forecast/forecast.ts';
import { quantiles, seededRandom } from '../../kernel/kernel.ts';
import { type EvidenceSample, firstMinutesRatios, maxSamplesACall } from '../../records/records.ts';
import { ttlSecondsOf } from '../../service/service.ts';
import { answer } from '../command.ts';
import { whole } from '../options.ts';
import { type Session, serviceState } from '../session.ts';
import { forecastLines, type WhatIf } from './forecast-view.ts';

/** TTLs to try, s, where they are below today's. */
const triedTtls = [20, 5];

const shareOf = { '50': 't50', '90': 't90', '99': 't99' } as const;

interface Given {
  readonly kind: ForecastKind;
  readonly share: keyof typeof shareOf;
  readonly whatIf?: boolean;
  /** Drawn at random and shown when it is left out. */
  readonly seed?: number;
}

/** Predicts from measurements how long traffic would take to move. Changes nothing. */
export const forecastCommand = answer({
  name: 'forecast',
  says: 'Predict from measurements how long traffic would take to move. Changes nothing',
  takes: () => [
    new Option('--kind <kind>', 'Kind of run').choices(forecastKinds).default('switchover'),
    new Option('--share <percent>', 'Share of traffic that --what-if compares, in percent')
      .choices(Object.keys(shareOf))
      .default('99'),
    new Option(
      '--what-if',
      'Also predict for changes: forwarding, a lower TTL, a data-plane flip, warm functions',
    ),
    new Option('--seed <seed>', 'Random seed of an earlier forecast, to repeat it').argParser(
      whole(0, 999_999_999),
    ),
  ],
  look: async (session, given: Given) => {
    const { kind } = given;
    const share = shareOf[given.share];
    const { service } = session.loaded;
    const { store, evidence } = session.parts;
    const { active: from } = await serviceState(session);
    const [gathered, calibration] = await Promise.all([
      gatherForecast({ service, store, evidence, kind, from, clock: session.clock }),
      calibrations(session),
    ]);
    const seed = given.seed ?? session.random.integer(1_000_000);
    const made = forecast(gathered.facts, seededRandom(seed));
    return {
      ...{ service: service.name, kind, from, seed, share, forecast: made, calibration },
      forwarding: forwards(kind),
      asked: gathered.asked,
      resolvers: gathered.facts.holdover.resolvers.length,
      whatIf: given.whatIf === true ? await whatIfs(session, gathered, { kind, share, seed }) : [],
    };
  },
  text: (seen) => forecastLines(seen).join('\n'),
});

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
