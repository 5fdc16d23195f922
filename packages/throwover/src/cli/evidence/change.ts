import {
  type Amendment,
  againstCreating,
  againstVerdict,
  type Baseline,
  baselinesOf,
  type Change,
  type ChangeEvent,
  changesOf,
  improvementErrors,
  measure,
  measuredOf,
  metricSources,
  missingToShip,
  parseShare,
  parseTradeOff,
  type TradeOff,
  type verdicts,
} from '../../improvement/improvement.ts';
import type { Comparison } from '../../improvement/statistics/statistics.ts';
import { noConsent } from '../../replication/replication.ts';
import { runKinds } from '../../runs/runs.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { operated, type Session } from '../session.ts';
import { knownMetric } from './baseline.ts';
import { changeLine, changeText } from './change-text.ts';
import { onCallPerson, whoGives } from './who.ts';

export interface NewChangeOptions {
  readonly name: string;
  readonly hypothesis: string;
  readonly metric: string;
  readonly baseline: string;
  readonly expect: string;
  readonly tradeOff: readonly string[];
  readonly drills: number;
  readonly owner?: string;
  readonly panel?: string;
  readonly step?: string;
  readonly task?: string;
  readonly as?: string;
}

/**
 * `throwover change new NAME`: creates a draft. Refused without a baseline, a trade-off with a
 * number, and enough samples to come.
 */
export async function newChange(
  context: CommandContext,
  options: NewChangeOptions,
): Promise<ExitCode> {
  const { session } = context;
  const by = whoGives(context, options.as);
  const { name, drills, hypothesis } = options;
  if ((await changesIn(session)).has(name)) {
    throw improvementErrors.make('change-exists', `there is a change "${name}"`);
  }
  const metric = knownMetric(options.metric);
  const baseline = await baselineIn(session, options.baseline);
  const expect = parseShare(options.expect);
  if (expect === null) {
    throw improvementErrors.make('effect-wrong', `expected a share; found "${options.expect}"`);
  }
  const tradeOffs = tradeOffsOf(options.tradeOff);
  const refusal = againstCreating({ expect, drills }, metric, baseline);
  if (refusal !== null) throw refusal;
  const { onCall } = session.loaded.service;
  const owner = options.owner === undefined ? by : onCallPerson(onCall, options.owner);
  return await recorded(context, by, {
    event: 'created',
    name,
    hypothesis,
    metric: metric.name,
    baseline: baseline.name,
    expect,
    tradeOffs,
    drills,
    ...amendmentOf(options, onCall),
    owner,
  });
}

/** `throwover change amend NAME`: sets owner, panel, step or task. */
export async function amendChange(
  context: CommandContext,
  options: { name: string; as?: string } & Amendment,
): Promise<ExitCode> {
  const { session } = context;
  const by = whoGives(context, options.as);
  const { name, status } = await changeIn(session, options.name);
  if (status === 'retired' || status === 'reverted') throw stateWrong(name, status);
  const amendment = amendmentOf(options, session.loaded.service.onCall);
  return await recorded(context, by, { event: 'amended', name, ...amendment });
}

/**
 * `throwover change ship NAME`: records that the change is in production from now on. Refused while
 * something is missing.
 */
export async function shipChange(
  context: CommandContext,
  options: { name: string; as?: string },
): Promise<ExitCode> {
  const { session } = context;
  const by = whoGives(context, options.as);
  const change = await changeIn(session, options.name);
  if (change.status !== 'draft') throw stateWrong(change.name, change.status);
  const { service } = session.loaded;
  const panels = Object.entries(service.evidence.panels).map(
    ([panel, { metric }]) => [panel, metric] as const,
  );
  const missing = missingToShip(change, {
    panels: new Map(panels),
    steps: stepNames(session),
    onCall: service.onCall,
  });
  if (missing.length > 0) {
    throw improvementErrors.make('change-not-ready', `${change.name} lacks ${missing.join('; ')}`, {
      missing,
    });
  }
  return await recorded(context, by, { event: 'shipped', name: change.name });
}

/**
 * `throwover change review NAME`: shows the effect so far; with a verdict, records the owner's
 * verdict.
 */
export async function reviewChange(
  context: CommandContext,
  options: {
    name: string;
    verdict?: (typeof verdicts)[number];
    cost: readonly string[];
    reason?: string;
    as?: string;
  },
): Promise<ExitCode> {
  const { session, output } = context;
  const change = await changeIn(session, options.name);
  const seen = await effectOf(session, change);
  const { verdict } = options;
  if (verdict === undefined) {
    const text = changeText(change, { seen, nowWallMs: session.clock.wallMs() });
    output.result({ change, measured: seen }, text);
    return exitCodes.ok;
  }
  const by = whoGives(context, options.as);
  const reason = options.reason ?? null;
  const nowWallMs = session.clock.wallMs();
  const refusal = againstVerdict(change, { verdict, by, reason, nowWallMs }, seen);
  if (refusal !== null) throw refusal;
  const event: ChangeEvent = {
    event: 'reviewed',
    name: change.name,
    verdict,
    measured: measuredOf(seen),
    cost: tradeOffsOf(options.cost, '--cost'),
    reason,
  };
  return await recorded(context, by, event);
}

/** `throwover change retire NAME`: records that the change was taken back or had no effect. */
export async function retireChange(
  context: CommandContext,
  options: { name: string; reason: string; as?: string },
): Promise<ExitCode> {
  const by = whoGives(context, options.as);
  const { name, status } = await changeIn(context.session, options.name);
  if (status === 'retired' || status === 'reverted') throw stateWrong(name, status);
  return await recorded(context, by, { event: 'retired', name, reason: options.reason });
}

/** `throwover change list`. */
export async function listChanges({ output, session }: CommandContext): Promise<ExitCode> {
  const changes = [...(await changesIn(session)).values()];
  const nowWallMs = session.clock.wallMs();
  const text = changes.map((change) => changeLine(change, nowWallMs)).join('\n');
  output.result({ changes }, text || 'No changes yet.');
  return exitCodes.ok;
}

/** `throwover change show NAME`. */
export async function showChange(
  { output, session }: CommandContext,
  options: { name: string },
): Promise<ExitCode> {
  const change = await changeIn(session, options.name);
  output.result({ change }, changeText(change, { seen: null, nowWallMs: session.clock.wallMs() }));
  return exitCodes.ok;
}

/** Appends the event and shows the state of the change. */
async function recorded(
  { session, output }: CommandContext,
  by: string,
  event: ChangeEvent,
): Promise<ExitCode> {
  await session.parts.records.append('change', by, event);
  const change = await changeIn(session, event.name);
  output.result({ change }, changeText(change, { seen: null, nowWallMs: session.clock.wallMs() }));
  return exitCodes.ok;
}

async function changesIn({ parts }: Session): Promise<ReadonlyMap<string, Change>> {
  return changesOf(await parts.records.list('change'));
}

async function changeIn(session: Session, name: string): Promise<Change> {
  const changes = await changesIn(session);
  const change = changes.get(name);
  if (change !== undefined) return change;
  const known = [...changes.keys()].join(', ') || 'there are none';
  throw improvementErrors.make('no-such-change', `no change "${name}"; ${known}`);
}

async function baselineIn({ parts }: Session, name: string): Promise<Baseline> {
  const baseline = baselinesOf(await parts.records.list('baseline')).get(name);
  if (baseline !== undefined) return baseline;
  throw improvementErrors.make('no-such-baseline', `no baseline "${name}"`);
}

/** Returns the effect measured since the change shipped; no samples before it shipped. */
async function effectOf(session: Session, change: Change): Promise<Comparison> {
  const metric = knownMetric(change.metric);
  const baseline = await baselineIn(session, change.baseline);
  const nowWallMs = session.clock.wallMs();
  const sources = metricSources(session.parts, session.loaded.service.name);
  const samples = await metric.read(sources, {
    sinceWallMs: change.shippedWallMs ?? nowWallMs,
    untilWallMs: nowWallMs,
  });
  return measure(change, metric, baseline, samples, nowWallMs);
}

function tradeOffsOf(given: readonly string[], option = '--trade-off'): TradeOff[] {
  if (given.length === 0) {
    throw improvementErrors.make('trade-off-missing', `${option} is missing: nothing is free`);
  }
  return given.map((text) => {
    const tradeOff = parseTradeOff(text);
    if (tradeOff !== null) return tradeOff;
    throw improvementErrors.make(
      'trade-off-missing',
      `${option}: expected KIND=NUMBER UNIT: NOTE, and a number other than 0; found "${text}"`,
    );
  });
}

function amendmentOf({ owner, panel, step, task }: Amendment, onCall: readonly string[]) {
  return {
    ...(owner === undefined ? {} : { owner: onCallPerson(onCall, owner) }),
    ...(panel === undefined ? {} : { panel }),
    ...(step === undefined ? {} : { step }),
    ...(task === undefined ? {} : { task }),
  };
}

function stateWrong(name: string, status: string) {
  return improvementErrors.make('change-state-wrong', `${name} is ${status}`);
}

/** Returns every step of every kind of run, including the team's own steps. */
function stepNames(session: Session): readonly string[] {
  const [from = '', to = ''] = Object.keys(session.loaded.service.regions);
  const steps = runKinds.flatMap(
    (kind) => operated(session).define(kind, { from, to, epoch: 1 }, noConsent).steps,
  );
  return [...new Set(steps.map(({ name }) => name))];
}
