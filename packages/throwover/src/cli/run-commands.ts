import { noConsent } from '../replication/replication.ts';
import { approve, expectedOf, type Mandate } from '../runbook/runbook.ts';
import { isRunKind, type RunKind } from '../runs/runs.ts';
import type { RunState, Store } from '../store/store.ts';
import { carryOut, withStops } from './carry-out.ts';
import { confirmed } from './confirm.ts';
import type { CommandContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { forecastBefore } from './forecast.ts';
import { planText } from './plan-text.ts';
import {
  define,
  owner,
  type PlannedRun,
  person,
  planFor,
  planRun,
  type Session,
  serviceState,
} from './session.ts';

/** Earlier runs whose journals tell how long steps take. */
const historyRuns = 40;

/** What the operator gave with the command. */
export interface Approval {
  readonly yes?: string;
  readonly override: readonly string[];
  readonly second?: string;
}

/** `throwover plan KIND [--to REGION]`: changes nothing; a refused plan is still shown. */
export async function planCommand(
  { output, session }: CommandContext,
  options: { kind: RunKind; to: string | undefined },
): Promise<ExitCode> {
  const { signal } = new AbortController();
  const { plan, digest } = await planRun(session, { ...options, consent: noConsent, signal });
  output.result({ digest, plan }, planText(plan, digest));
  return plan.guards.some(({ refusals }) => refusals.length > 0) ? exitCodes.refused : exitCodes.ok;
}

/** `throwover switchover|failover|failback|rejoin|flip-only`: plan, mandate, run. */
export function runCommand(
  context: CommandContext,
  options: Approval & { kind: RunKind; to: string | undefined },
): Promise<ExitCode> {
  const { terminal, session } = context;
  return withStops(terminal, async (stops) => {
    const consent = { by: owner(), overrides: options.override };
    const planned = await planRun(session, { ...options, consent, signal: stops.signal });
    const shownMs = terminal.clock.monotonicMs();
    const mandate = await mandated(context, planned, options, stops.signal);
    const { steps, claim } = planned.definition;
    const before = forecastBefore(session, {
      kind: options.kind,
      from: planned.plan.from,
      approveMs: options.yes === undefined ? terminal.clock.monotonicMs() - shownMs : null,
      random: terminal.random,
    });
    const expected = await expectations(session, options.kind);
    if (options.kind !== 'failover') await before.read();
    const what = { steps, claim, expected, plan: planned.plan, mandate, ...stops };
    return carryOut(context, what, before);
  });
}

/** `throwover resume [RUN]`: without a name, the service's run that has not ended. */
export function resumeCommand(
  context: CommandContext,
  options: { runId: string | undefined; takeover: boolean },
): Promise<ExitCode> {
  const { terminal, session } = context;
  return withStops(terminal, async (stops) => {
    const run = await openRun(session, options.runId);
    const resumeOf = { runId: run.runId, force: options.takeover };
    const carried = await carriedOn(session, run);
    return carryOut(context, { ...carried, resumeOf, ...stops });
  });
}

/** `throwover resume [RUN] --as-failover`: the open run becomes a failover, with a plan and a mandate of its own. */
export function replanCommand(
  context: CommandContext,
  options: Approval & { runId: string | undefined },
): Promise<ExitCode> {
  const { terminal, session } = context;
  return withStops(terminal, async (stops) => {
    const run = await openRun(session, options.runId);
    const { runId, from, to, epoch } = run;
    const kind = 'failover';
    const consent = { by: owner(), overrides: options.override };
    const direction = { from, to, epoch };
    const planned = await planFor(session, { kind, direction, consent, signal: stops.signal });
    const mandate = await mandated(context, planned, options, stops.signal);
    const { steps, claim } = planned.definition;
    const { steps: earlierSteps } = define(session, earlierKind(run), direction, consent);
    const replanOf = { runId, plan: planned.plan, mandate };
    const expected = await expectations(session, kind);
    const before = forecastBefore(session, {
      ...{ kind, from, runId, approveMs: null, later: true },
      random: terminal.random,
    });
    const what = { steps, earlierSteps, claim, expected, replanOf, ...stops };
    return carryOut(context, what, before);
  });
}

/** `throwover abort [RUN]`: undo, where that can still be done; else what to do instead. */
export function abortCommand(
  context: CommandContext,
  options: { runId: string | undefined; reason: string },
): Promise<ExitCode> {
  const { terminal, session } = context;
  return withStops(terminal, async ({ leaveSignal }) => {
    const run = await openRun(session, options.runId);
    const abortOf = { runId: run.runId, by: owner(), reason: options.reason };
    return carryOut(context, { ...(await carriedOn(session, run)), abortOf, leaveSignal });
  });
}

/** The mandate for this plan: typed, or with --yes; and by a second person where the team asks for one. */
async function mandated(
  { terminal, output, session }: CommandContext,
  { plan, digest }: PlannedRun,
  { yes, override, second }: Approval,
  signal: AbortSignal,
): Promise<Mandate> {
  const give = (approved: string, another: string | undefined) => {
    try {
      return approve(plan, {
        digest: approved,
        by: owner(),
        overrides: override,
        ...(another === undefined ? {} : { second: another }),
      });
    } catch (error) {
      // What was refused, and the digest that would not be.
      output.say(planText(plan, digest));
      throw error;
    }
  };
  // Before the question: nobody types a region's name for a plan that is refused anyway.
  give(yes ?? digest, undefined);
  const twoPeople =
    plan.kind === 'failover' && session.loaded.service.approval.failover === 'two-people';
  if (yes === undefined) {
    session.notifiers.tell({
      kind: 'needs-approval',
      service: plan.service,
      runId: null,
      subject: `Needs approval: ${plan.kind} of ${plan.service} from ${plan.from} to ${plan.to}`,
      text: `${owner()} has planned it and is asked to approve it.`,
      wallMs: terminal.clock.wallMs(),
    });
  }
  const typed =
    yes === undefined
      ? await confirmed(terminal, output, { plan, digest, overrides: override, twoPeople, signal })
      : { digest: yes, second: null };
  const another = second ?? typed.second ?? undefined;
  if (twoPeople) mustBeAnother(another, digest);
  return give(typed.digest, another);
}

function mustBeAnother(second: string | undefined, digest: string): void {
  const name = second?.trim() ?? '';
  if (name !== '' && name.toLowerCase() !== person().toLowerCase()) return;
  const found = name === '' ? 'nobody' : `${name}, who is the first`;
  throw cliErrors.make(
    'second-needed',
    `a failover of this service is approved by two people; found ${found}`,
    { digest },
  );
}

/** The run that is named, or the service's run that has not ended. */
async function openRun(session: Session, given: string | undefined): Promise<RunState> {
  const runId = given ?? (await serviceState(session)).openRun;
  const { name } = session.loaded.service;
  if (runId === null) throw cliErrors.make('no-open-run', `${name} has no run that is open`);
  return session.parts.store.run(runId);
}

/** What carries an open run on, by another controller: with what was approved for it, by its journal. */
export async function carriedOn(session: Session, run: RunState) {
  const { kind, from, to, epoch } = run;
  const direction = { from, to, epoch };
  const consent = consentOf(run);
  const { steps, claim } = define(session, knownKind(run.runId, kind), direction, consent);
  const replanned = run.records.some(({ type }) => type === 'replanned');
  const earlier = replanned
    ? { earlierSteps: define(session, earlierKind(run), direction, consent).steps }
    : {};
  return { steps, ...earlier, claim, expected: await expectations(session, kind) };
}

/** By whom, and beyond which refusals, the plan in force was approved. */
function consentOf({ records }: RunState) {
  for (const record of [...records].reverse()) {
    if (record.type !== 'mandate' && record.type !== 'replanned') continue;
    return { by: record.by, overrides: record.overrides };
  }
  return noConsent;
}

/** Kind whose steps a replan has replaced: what they changed is taken back with them. */
function earlierKind({ kind }: RunState): RunKind {
  return isRunKind(kind) && kind !== 'failover' ? kind : 'switchover';
}

function knownKind(runId: string, kind: string): RunKind {
  if (isRunKind(kind)) return kind;
  const message = `${runId} is a ${kind}, which this throwover does not know`;
  throw cliErrors.make('no-such-kind', message, { runId, kind });
}

/** How long the steps of this kind took in earlier runs. */
export async function expectations(session: Session, kind: string) {
  const { store } = session.parts;
  const service = session.loaded.service.name;
  const runs = await store.runs({ service, limit: historyRuns });
  const ended = runs.filter((run) => run.kind === kind && run.status === 'succeeded');
  return expectedOf(await Promise.all(ended.map(({ runId }) => recordsOf(store, runId))));
}

async function recordsOf(store: Store, runId: string) {
  const { records } = await store.run(runId);
  // A run that was replanned took its steps from two plans: its durations are of neither.
  return records.some(({ type }) => type === 'replanned') ? [] : records;
}
