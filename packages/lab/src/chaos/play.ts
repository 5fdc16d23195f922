import type { RunState } from 'throwover';
import { type Random, systemClock } from 'throwover/kernel';
import type { Lab } from '../world/lab.ts';
import { otherRegion, type RegionName } from '../world/map.ts';
import { doneMs, ledgerOf, type Planned, perform } from '../world/operator.ts';
import { guardCloses } from './guard-word.ts';
import type { RoundFacts } from './oracle.ts';
import { readSide } from './sides.ts';
import type { RoundTraffic } from './traffic.ts';

export interface RoundContext {
  readonly lab: Lab;
  readonly from: RegionName;
  readonly random: Random;
  readonly fence: 'available' | 'strict';
  readonly traffic: RoundTraffic;
  /** 1 is the first round of the series. */
  readonly round: number;
}

/** The facts that a kind returns when its faults are over and repaired; traffic still runs. */
export type Played = Pick<
  RoundFacts,
  | 'planned'
  | 'twoWritersAccepted'
  | 'faultMs'
  | 'approvedMs'
  | 'epochOpenedMs'
  | 'wokeMs'
  | 'old'
  | 'ledger'
  | 'lossBoundMs'
> & {
  readonly active: RegionName;
  /** Violations that the kind itself finds, in addition to the oracle's. */
  readonly violations?: readonly string[];
};

export type Play = (context: RoundContext) => Promise<Played>;

/**
 * Latest return of the lost region during a failover, ms after its start: a failover takes about
 * this long to its first write.
 */
const longestFailoverMs = 3_000;

export interface Disaster {
  fault(lab: Lab, region: RegionName): Promise<void>;
  mend(lab: Lab, region: RegionName): Promise<void>;
  /** Shortest time that the region stays away, ms; `undefined`: as long as the failover takes. */
  readonly awayMs?: number;
  /** The region comes back during the failover. */
  readonly during?: true;
}

/**
 * The active region is lost; a person fails over; the old region comes back and is attached again.
 */
export async function failover(context: RoundContext, disaster: Disaster): Promise<Played> {
  const { lab, from, random } = context;
  const to = otherRegion(from);
  await disaster.fault(lab, from);
  const faultMs = systemClock.wallMs();
  let wokeMs: number | null = null;
  const mend = async () => {
    wokeMs = systemClock.wallMs();
    await disaster.mend(lab, from);
  };
  const early = disaster.during
    ? systemClock.sleep(random.integer(longestFailoverMs)).then(mend)
    : Promise.resolve();
  const { run, approvedMs, planned: approved } = await perform(lab, 'failover', to);
  await early;
  const awayMs = systemClock.wallMs() - faultMs;
  if (disaster.awayMs !== undefined) {
    await systemClock.sleep(Math.max(0, disaster.awayMs - awayMs));
  }
  await context.traffic.more();
  if (!disaster.during) await mend();
  const epochOpenedMs = doneMs(run, 'open-epoch');
  return takeBack(context, approved, { faultMs, approvedMs, epochOpenedMs, wokeMs });
}

/**
 * Ends a failover: reads the contents of the old side, then attaches it again (salvage and attach).
 */
export async function takeBack(
  { lab, from: old }: RoundContext,
  { overrides, plan }: Planned,
  times: Pick<Played, 'faultMs' | 'approvedMs' | 'epochOpenedMs' | 'wokeMs'>,
): Promise<Played> {
  // A region that was frozen takes writes for a moment, and the ledger must hold those too.
  await guardCloses(lab, old);
  const side = await readSide(lab.map, old);
  const active = otherRegion(old);
  const { run } = await perform(lab, 'rejoin', old);
  if (run.status !== 'succeeded') throw new Error(`rejoin of ${old} to ${active}: ${run.status}`);
  return {
    ...{ planned: false, active, ...times, old: side },
    twoWritersAccepted: overrides.includes('two-writers'),
    lossBoundMs: lossBoundOf(plan),
    ledger: await ledgerOf(lab, run.runId),
  };
}

/** Returns the loss bound of the plan, life time, ms. */
function lossBoundOf(plan: { facts: Readonly<Record<string, unknown>> }): number {
  const bound = plan.facts['lossBoundMs'];
  if (typeof bound !== 'number') throw new Error('the plan of a failover shows no bound');
  return bound;
}

export function planned(
  seen: Pick<Played, 'active' | 'faultMs' | 'approvedMs' | 'epochOpenedMs'>,
): Played {
  return {
    planned: true,
    twoWritersAccepted: false,
    lossBoundMs: 0,
    wokeMs: null,
    old: null,
    ledger: null,
    ...seen,
  };
}

/**
 * Returns a switch in which nothing broke by itself: what counts is how long nobody could write, from
 * the fence on.
 */
export function switched(
  { run, approvedMs }: { readonly run: RunState; readonly approvedMs: number },
  active: RegionName,
): Played {
  const faultMs = doneMs(run, 'fence') ?? approvedMs;
  return planned({ faultMs, approvedMs, active, epochOpenedMs: doneMs(run, 'open-epoch') });
}
