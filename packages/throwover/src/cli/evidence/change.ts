import { Argument, Option } from 'commander';
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
  verdicts,
} from '../../improvement/improvement.ts';
import type { Comparison } from '../../improvement/statistics/statistics.ts';
import { noConsent } from '../../replication/replication.ts';
import { runKinds } from '../../runs/runs.ts';
import { answer } from '../command.ts';
import { again, asPerson, mandatory, whole } from '../options.ts';
import { operated, type Session } from '../session.ts';
import { knownMetric } from './baseline.ts';
import { changeLine, changeText } from './change-text.ts';
import { onCallPerson, whoGives } from './who.ts';

/** Values that may still be missing in a draft. */
const fillable = (ownerByDefault: string) => [
  new Option('--owner <person>', `Owner (default: ${ownerByDefault})`),
  new Option('--panel <name>', 'Panel of throwover.yaml that shows the metric'),
  new Option('--step <name>', 'Runbook step that it changes'),
  new Option('--task <text>', 'Task that the change gives its owner each week'),
];

interface State {
  readonly change: Change;
}

const stateText = ({ change }: State, { nowWallMs }: { readonly nowWallMs: number }) =>
  changeText(change, { seen: null, nowWallMs });

/**
 * Creates a draft. Refused without a baseline, a trade-off with a number, and enough samples to
 * come.
 */
export const newChange = answer({
  name: 'change new',
  says: 'Create a change as a draft; refused if 30 days cannot show its effect',
  takes: () => [
    new Argument('<name>'),
    asPerson(),
    mandatory(new Option('--hypothesis <text>', 'What should improve, and why')),
    mandatory(new Option('--metric <name>', 'Metric that will judge it')),
    mandatory(new Option('--baseline <name>', 'Baseline of that metric, captured before')),
    mandatory(
      new Option('--expect <share>', 'Expected change of the metric, for example --expect=-20%'),
    ),
    again(
      '--trade-off <KIND=NUMBER UNIT: NOTE>',
      'Cost: latency, money, complexity or time (repeatable)',
    ),
    new Option('--drills <count>', 'Number of drills that will take place before its review')
      .argParser(whole(0, 100))
      .default(0),
    ...fillable('you'),
  ],
  look: async (
    session,
    given: Amendment & {
      name: string;
      hypothesis: string;
      metric: string;
      baseline: string;
      expect: string;
      tradeOff: readonly string[];
      drills: number;
      as?: string;
    },
  ) => {
    const by = whoGives(session, given.as);
    const { name, drills, hypothesis } = given;
    if ((await changesIn(session)).has(name)) {
      throw improvementErrors.make('change-exists', `there is a change "${name}"`);
    }
    const metric = knownMetric(given.metric);
    const baseline = await baselineIn(session, given.baseline);
    const expect = parseShare(given.expect);
    if (expect === null) {
      throw improvementErrors.make('effect-wrong', `expected a share; found "${given.expect}"`);
    }
    const tradeOffs = tradeOffsOf(given.tradeOff);
    const refusal = againstCreating({ expect, drills }, metric, baseline);
    if (refusal !== null) throw refusal;
    const { onCall } = session.loaded.service;
    const owner = given.owner === undefined ? by : onCallPerson(onCall, given.owner);
    return recorded(session, by, {
      event: 'created',
      name,
      hypothesis,
      metric: metric.name,
      baseline: baseline.name,
      expect,
      tradeOffs,
      drills,
      ...amendmentOf(given, onCall),
      owner,
    });
  },
  text: stateText,
});

/** Sets owner, panel, step or task. */
export const amendChange = answer({
  name: 'change amend',
  says: 'Set owner, panel, step or task of a change',
  takes: () => [new Argument('<name>'), asPerson(), ...fillable('unchanged')],
  look: async (session, given: Amendment & { name: string; as?: string }) => {
    const by = whoGives(session, given.as);
    const { name, status } = await changeIn(session, given.name);
    if (status === 'retired' || status === 'reverted') throw stateWrong(name, status);
    const amendment = amendmentOf(given, session.loaded.service.onCall);
    return recorded(session, by, { event: 'amended', name, ...amendment });
  },
  text: stateText,
});

/**
 * Records that the change is in production from now on. Refused while something is missing.
 */
export const shipChange = answer({
  name: 'change ship',
  says: 'Record that a change is in production; its review opens in 30 days',
  takes: () => [new Argument('<name>'), asPerson()],
  look: async (session, given: { name: string; as?: string }) => {
    const by = whoGives(session, given.as);
    const change = await changeIn(session, given.name);
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
      throw improvementErrors.make(
        'change-not-ready',
        `${change.name} lacks ${missing.join('; ')}`,
        { missing },
      );
    }
    return recorded(session, by, { event: 'shipped', name: change.name });
  },
  text: stateText,
});

interface Reviewed extends State {
  /** The effect so far; `null`: a verdict was given, and the change has it. */
  readonly measured: Comparison | null;
}

/** Shows the effect so far; with a verdict, records the owner's verdict. */
export const reviewChange = answer({
  name: 'change review',
  says: 'Show the effect of a change so far; with --verdict, record the decision of its owner',
  takes: () => [
    new Argument('<name>'),
    asPerson(),
    new Option('--verdict <verdict>', 'Decision').choices(verdicts),
    again('--cost <KIND=NUMBER UNIT: NOTE>', 'Actual cost (repeatable)'),
    new Option('--reason <text>', 'Reason; required to keep a change without a measured effect'),
  ],
  look: async (
    session,
    given: {
      name: string;
      verdict?: (typeof verdicts)[number];
      cost: readonly string[];
      reason?: string;
      as?: string;
    },
  ): Promise<Reviewed> => {
    const change = await changeIn(session, given.name);
    const measured = await effectOf(session, change);
    const { verdict } = given;
    if (verdict === undefined) return { change, measured };
    const by = whoGives(session, given.as);
    const reason = given.reason ?? null;
    const nowWallMs = session.clock.wallMs();
    const refusal = againstVerdict(change, { verdict, by, reason, nowWallMs }, measured);
    if (refusal !== null) throw refusal;
    const event: ChangeEvent = {
      event: 'reviewed',
      name: change.name,
      verdict,
      measured: measuredOf(measured),
      cost: tradeOffsOf(given.cost, '--cost'),
      reason,
    };
    return { ...(await recorded(session, by, event)), measured: null };
  },
  text: ({ change, measured }, { nowWallMs }) => changeText(change, { seen: measured, nowWallMs }),
  json: ({ change, measured }) => (measured === null ? { change } : { change, measured }),
});

/** Records that the change was taken back or had no effect. */
export const retireChange = answer({
  name: 'change retire',
  says: 'Record that a change was reverted or abandoned',
  takes: () => [
    new Argument('<name>'),
    asPerson(),
    mandatory(new Option('--reason <text>', 'why')),
  ],
  look: async (session, given: { name: string; reason: string; as?: string }) => {
    const by = whoGives(session, given.as);
    const { name, status } = await changeIn(session, given.name);
    if (status === 'retired' || status === 'reverted') throw stateWrong(name, status);
    return recorded(session, by, { event: 'retired', name, reason: given.reason });
  },
  text: stateText,
});

export const listChanges = answer({
  name: 'change list',
  says: 'List all changes',
  look: async (session) => ({ changes: [...(await changesIn(session)).values()] }),
  text: ({ changes }, { nowWallMs }) =>
    changes.map((change) => changeLine(change, nowWallMs)).join('\n') || 'No changes yet.',
});

export const showChange = answer({
  name: 'change show',
  says: 'Show one change',
  takes: () => [new Argument('<name>')],
  look: async (session, { name }: { name: string }) => ({ change: await changeIn(session, name) }),
  text: stateText,
});

/** Appends the event and returns the change as it is then. */
async function recorded(session: Session, by: string, event: ChangeEvent): Promise<State> {
  await session.parts.records.append('change', by, event);
  return { change: await changeIn(session, event.name) };
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
