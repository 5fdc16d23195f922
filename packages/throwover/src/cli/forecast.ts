import { ttlSecondsOf } from '../compose/dns.ts';
import {
  type ForecastKind,
  forwards,
  type Gathered,
  gatherForecast,
  isForecastKind,
} from '../compose/forecast.ts';
import { firstMinutesRatios } from '../evidence/first-minutes.ts';
import { type ForecastFacts, forecast, type ShareName } from '../evidence/forecast/forecast.ts';
import { calibrationOf } from '../evidence/forecast/score.ts';
import { type EvidenceSample, maxSamplesACall } from '../evidence/samples.ts';
import { quantiles, type Random, seededRandom } from '../kernel/kernel.ts';
import type { RunEvent } from '../runbook/runbook.ts';
import type { RunKind } from '../runs/runs.ts';
import type { CommandContext } from './context.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { forecastLines, type WhatIf } from './forecast-view.ts';
import { type Session, serviceState } from './session.ts';

/** TTLs that are tried, s, where they are below today's. */
const triedTtls = [20, 5];

interface Given {
  readonly kind: ForecastKind;
  readonly share: ShareName;
  readonly whatIf: boolean;
  /** Left out: drawn, and told. */
  readonly seed?: number | undefined;
}

/** `throwover forecast`: how long traffic would take to move, from what was measured. Changes nothing. */
export async function forecastCommand(
  { terminal, output, session }: CommandContext,
  { kind, share, whatIf, seed: given }: Given,
): Promise<ExitCode> {
  const { service } = session.loaded;
  const { active: from } = await serviceState(session);
  const [gathered, calibration] = await Promise.all([
    gather(session, kind, from),
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

function gather({ loaded: { service }, parts, clock }: Session, kind: ForecastKind, from: string) {
  const { store, evidence } = parts;
  return gatherForecast({ service, store, evidence, kind, from, clock });
}

/** How well the forecasts made before earlier runs have held. */
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

/** What earlier runs with this strategy cost in the first minutes; the time itself does not depend on it. */
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

/** A forecast by what was known before the run. It keeps nobody waiting who cannot write. */
export interface ForecastBefore {
  /** What it stands on is read: a planned run begins afterwards, one that cannot wait does not. */
  read(): Promise<unknown>;
  note(event: RunEvent): void;
  /** Until it is kept, or known not to be. */
  settled(): Promise<unknown>;
}

/** After this step the writer is open again, and what is measured of the traffic is yet to come. */
const writerIsOpen = 'flip';

export interface ForecastedRun {
  readonly kind: RunKind;
  readonly from: string;
  readonly approveMs: number | null;
  readonly random: Random;
  /** A run that has begun already; left out: the one that begins. */
  readonly runId?: string;
  /** Nothing is read before the writer is open again: by whom nobody may be kept waiting. */
  readonly later?: true;
}

/**
 * The forecast of a run, from what was known at its mandate, so that it can be scored when the doors have
 * measured how traffic moved. Its worlds are drawn when the writer is open again: some 80 ms of this process
 * (36 resolvers, 120 clients), twice a write gap. What fails loses a figure and never a run.
 */
export function forecastBefore(session: Session, run: ForecastedRun): ForecastBefore {
  const { kind, from, approveMs, random, later } = run;
  if (!isForecastKind(kind)) {
    return { read: async () => {}, note: () => {}, settled: async () => {} };
  }
  const { clock, parts } = session;
  const atWallMs = clock.wallMs();
  const seed = random.integer(1_000_000);
  let gathering: Promise<Gathered | null> | null = null;
  const gathered = () => (gathering ??= gather(session, kind, from).catch(() => null));
  if (!later) void gathered();
  let runId = run.runId ?? null;
  let keeping: Promise<void> | null = null;
  const keep = async () => {
    const known = await gathered();
    if (known === null || runId === null) return;
    const made = forecast(known.facts, seededRandom(seed));
    const { holdover, rto, residualShare, weights } = made;
    const sample = {
      ...{ runId, atWallMs, kind, seed, approveMs },
      ...{ holdover, rto, residualShare, weights },
    };
    await parts.evidence.add('forecast', [sample]).catch(() => {});
  };
  return {
    read: gathered,
    note: (event) => {
      if (event.type === 'run-started' && !event.resumed) runId = event.run.runId;
      if (event.type === 'step-done' && event.step === writerIsOpen) keeping ??= keep();
    },
    settled: () => (keeping ??= keep()),
  };
}
