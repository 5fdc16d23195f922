import { noSuchRegion } from '../../compose/compose.ts';
import {
  type Cost,
  type FunctionFacts,
  type FunctionMetrics,
  type FunctionUse,
  medianOf,
  onDemandMs,
  pricesOf,
  quarterlyWindows,
  recommend,
  room,
  strategies,
  useOf,
  warmed,
} from '../../functions/functions.ts';
import { isThrowoverError } from '../../kernel/kernel.ts';
import { type EvidenceSample, firstMinutesRatios } from '../../records/records.ts';
import { neededOf, type RegionPorts } from '../../runs/runs.ts';
import { type StrategyName, strategyNames } from '../../service/service.ts';
import { journalOf } from '../../store/store.ts';
import type { LatencyPiece } from '../../traffic/traffic.ts';
import { cliErrors } from '../errors.ts';
import { type Session, serviceState } from '../session.ts';

/** How far back the active region's use is read, life ms: a door always keeps this much. */
const useLifeMs = 5 * 60_000;

/** Number of newest runs whose first five minutes, and starts, are compared. */
const runsLookedAt = 100;

/** One warm-up strategy: its price, and the results of the runs that used it. */
export interface StrategyReport {
  readonly strategy: StrategyName;
  readonly says: string;
  readonly cost: Cost;
  /** p99 of the first five minutes over the baseline's, at the median of the runs. */
  readonly ratio: number | null;
  readonly runs: number;
}

export interface FunctionsReport {
  readonly from: string;
  readonly to: string;
  readonly use: readonly FunctionUse[];
  readonly facts: FunctionFacts;
  /** `null` when the need exceeds the limits; `refusal` gives the reason. */
  readonly needed: number | null;
  readonly refusal: string | null;
  readonly room: { readonly limit: number; readonly name: string };
  /** Settings that differ between the two regions. */
  readonly differing: readonly string[];
  /**
   * Time until as many instances run when nothing is warmed, ms; without a measured start it is a
   * lower bound ("at least").
   */
  readonly onDemandMs: number | null;
  readonly initMs: number | null;
  readonly configured: StrategyName;
  /** Number of instances that the prices are for, also when the limits refuse it. */
  readonly pricedInstances: number;
  readonly strategies: readonly StrategyReport[];
  readonly recommended: ReturnType<typeof recommend>;
  readonly prices: { readonly asOf: string; readonly source: string; readonly holdsFor: string };
}

/** Returns the report of `throwover functions`. Throws `functions-prices-old`. */
export async function functionsReport(
  session: Session,
  asked: string | null,
): Promise<FunctionsReport> {
  const { parts, loaded, clock } = session;
  const { functions, timeScale } = loaded.service;
  const { active } = await serviceState(session);
  const { from, to } = sidesOf(session, active, asked);
  if (functions === undefined || to.functions === null || from.functions === null) {
    throw cliErrors.make('usage-wrong', 'this service has no functions in throwover.yaml');
  }
  const prices = pricesOf(loaded.service, clock.wallMs());
  const warm = { instances: functions.warm, burst: functions.burst };
  const [facts, here, use, sized, records] = await Promise.all([
    to.functions.facts(),
    from.functions.facts(),
    usesOf(from, timeScale.real(useLifeMs), clock.wallMs()),
    neededOrRefusal(from, { to: to.functions, warm }),
    parts.evidence.list('five-minutes', { limit: runsLookedAt }),
  ]);
  const initMs = await slowestStartMs(session);
  const instances = sized.needed ?? sized.wanted;
  const input = {
    ...{ prices, instances, initMs },
    memoryMb: facts.memoryMb,
    windows: quarterlyWindows,
  };
  const reports = strategyNames.map((name): StrategyReport => {
    const ratios = ratiosOf(records, name);
    const { says, cost } = strategies[name];
    return {
      ...{ strategy: name, says, cost: cost(input) },
      ratio: medianOf(ratios),
      runs: ratios.length,
    };
  });
  const names = new Set([...Object.keys(here.parity), ...Object.keys(facts.parity)]);
  return {
    ...{ from: from.name, to: to.name, use, facts, initMs },
    ...{ needed: sized.needed, refusal: sized.refusal, room: room(facts) },
    differing: [...names].filter((name) => here.parity[name] !== facts.parity[name]).sort(),
    onDemandMs: onDemandMs({
      needed: instances,
      warm: facts.provisioned?.ready ?? 0,
      scaleUp: functions.scaleUp,
      initMs,
    }),
    configured: functions.strategy,
    pricedInstances: instances,
    strategies: reports,
    recommended: recommend(
      reports.map(({ strategy, cost }) => ({
        strategy,
        usdPerYear: cost.perYear,
        ratios: ratiosOf(records, strategy),
      })),
    ),
    prices: { asOf: prices.asOf, source: prices.source, holdsFor: prices.holdsFor },
  };
}

function sidesOf({ parts, loaded }: Session, active: string, asked: string | null) {
  const from = parts.regions.find(({ name }) => name === active);
  const to = parts.regions.find(({ name }) =>
    asked === null ? name !== active : name === asked && name !== active,
  );
  if (from !== undefined && to !== undefined) return { from, to };
  if (asked !== null && asked === active) {
    throw cliErrors.make('usage-wrong', `${asked} is active already: name the other region`);
  }
  throw noSuchRegion(loaded.service, asked ?? '');
}

/**
 * Returns the needed instances. When the limits refuse them, returns the refusal and the number to
 * price.
 */
async function neededOrRefusal(from: RegionPorts, sized: Parameters<typeof neededOf>[1]) {
  try {
    const needed = await neededOf({ from }, sized);
    return { needed, wanted: needed, refusal: null };
  } catch (error) {
    if (!isThrowoverError(error, 'functions-quota')) throw error;
    const { instances } = error.evidence;
    const wanted = typeof instances === 'number' ? instances : 1;
    return { needed: null, wanted, refusal: error.message };
  }
}

async function usesOf(
  { door, counts, metrics }: RegionPorts,
  windowMs: number,
  nowMs: number,
): Promise<readonly FunctionUse[]> {
  const [{ peakConcurrency }, pieces] = await Promise.all([
    door.status(),
    counts?.latency({ sinceWallMs: nowMs - windowMs, untilWallMs: nowMs, widthMs: windowMs / 5 }) ??
      [],
  ]);
  const [fromDoor, fromProvider] = [
    doorUse(pieces, { peakConcurrency, atWallMs: nowMs, windowMs }),
    metrics === undefined ? [] : [await providerUse(metrics, nowMs)],
  ];
  return [fromDoor, ...fromProvider];
}

function doorUse(
  pieces: readonly Pick<LatencyPiece, 'requests' | 'failed' | 'meanMs' | 'p99Ms'>[],
  seen: { peakConcurrency: number; atWallMs: number; windowMs: number },
): FunctionUse {
  const sum = (of: (piece: (typeof pieces)[number]) => number) =>
    pieces.reduce((total, piece) => total + of(piece), 0);
  const requests = sum((piece) => piece.requests);
  const p99s = pieces.flatMap(({ p99Ms }) => p99Ms ?? []);
  const widthSeconds = seen.windowMs / 1_000 / Math.max(1, pieces.length);
  return {
    source: 'door',
    ...seen,
    requests,
    arrivalsPerSecond: Math.max(0, ...pieces.map((piece) => piece.requests)) / widthSeconds,
    meanMs: requests === 0 ? null : sum((piece) => piece.requests * (piece.meanMs ?? 0)) / requests,
    p99Ms: p99s.length === 0 ? null : Math.max(...p99s),
    errorRate: requests === 0 ? null : sum(({ failed }) => failed) / requests,
  };
}

const providerWindowMs = 3 * 3_600_000;

async function providerUse(metrics: FunctionMetrics, atWallMs: number): Promise<FunctionUse> {
  const windowMs = providerWindowMs;
  return useOf(await metrics.minutes(windowMs), { atWallMs, windowMs });
}

/**
 * Returns the slowest start that a run of warm-up invocations has met, ms; null when none was
 * measured.
 */
async function slowestStartMs({ parts, loaded }: Session): Promise<number | null> {
  const runs = await parts.store.runs({ service: loaded.service.name, limit: 20 });
  for (const { runId } of runs) {
    const records = (await journalOf(parts.store, runId))?.records ?? [];
    const slowestMs = warmed.in(records)?.outcome.slowestStartMs;
    if (typeof slowestMs === 'number') return slowestMs;
  }
  return null;
}

function ratiosOf(
  records: readonly EvidenceSample<'five-minutes'>[],
  name: StrategyName,
): readonly number[] {
  return firstMinutesRatios(records.filter(({ strategy }) => strategy === name));
}
