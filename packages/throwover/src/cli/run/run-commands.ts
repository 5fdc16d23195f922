import {
  carriedOn,
  earlierKind,
  expectations,
  forecastBefore,
  type PlannedRun,
  planFor,
} from '../../operations/operations.ts';
import { noConsent } from '../../replication/replication.ts';
import { approve, type Mandate } from '../../runbook/runbook.ts';
import type { RunKind } from '../../runs/runs.ts';
import type { RunState } from '../../store/store.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { operated, owner, person, planRun, type Session, serviceState } from '../session.ts';
import { carryOut, withStops } from './carry-out.ts';
import { confirmed } from './confirm.ts';
import { planText } from './plan-text.ts';

/** The approval that the operator gave with the command. */
export interface Approval {
  readonly yes?: string;
  readonly override: readonly string[];
  readonly second?: string;
}

/** `throwover plan KIND [--to REGION]`: shows the plan, also a refused one. Changes nothing. */
export async function planCommand(
  { output, session }: CommandContext,
  options: { kind: RunKind; to: string | undefined },
): Promise<ExitCode> {
  const { signal } = new AbortController();
  const { plan, digest } = await planRun(session, { ...options, consent: noConsent, signal });
  output.result({ digest, plan }, planText(plan, digest));
  return plan.guards.some(({ refusals }) => refusals.length > 0) ? exitCodes.refused : exitCodes.ok;
}

/** `throwover switchover|failover|failback|rejoin|flip-only`: plans, asks for the mandate, runs. */
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
    const before = forecastBefore(operated(session), {
      kind: options.kind,
      from: planned.plan.from,
      approveMs: options.yes === undefined ? terminal.clock.monotonicMs() - shownMs : null,
      random: terminal.random,
    });
    const expected = await expectations(operated(session), options.kind);
    if (options.kind !== 'failover') await before.read();
    const what = { steps, claim, expected, plan: planned.plan, mandate, ...stops };
    return carryOut(context, what, before);
  });
}

/** `throwover resume [RUN]`: resumes a run; without a name, the service's open run. */
export function resumeCommand(
  context: CommandContext,
  options: { runId: string | undefined; takeover: boolean },
): Promise<ExitCode> {
  const { terminal, session } = context;
  return withStops(terminal, async (stops) => {
    const run = await openRun(session, options.runId);
    const resumeOf = { runId: run.runId, force: options.takeover };
    const carried = await carriedOn(operated(session), run);
    return carryOut(context, { ...carried, resumeOf, ...stops });
  });
}

/**
 * `throwover resume [RUN] --as-failover`: turns the open run into a failover, with its own plan and
 * mandate.
 */
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
    const planned = await planFor(operated(session), {
      kind,
      direction,
      consent,
      signal: stops.signal,
    });
    const mandate = await mandated(context, planned, options, stops.signal);
    const { steps, claim } = planned.definition;
    const { steps: earlierSteps } = operated(session).define(earlierKind(run), direction, consent);
    const replanOf = { runId, plan: planned.plan, mandate };
    const expected = await expectations(operated(session), kind);
    const before = forecastBefore(operated(session), {
      ...{ kind, from, runId, approveMs: null, later: true },
      random: terminal.random,
    });
    const what = { steps, earlierSteps, claim, expected, replanOf, ...stops };
    return carryOut(context, what, before);
  });
}

/**
 * `throwover abort [RUN]`: undoes the run where that is still possible; otherwise says what to do
 * instead.
 */
export function abortCommand(
  context: CommandContext,
  options: { runId: string | undefined; reason: string; leave: readonly string[] },
): Promise<ExitCode> {
  const { terminal, session } = context;
  return withStops(terminal, async ({ leaveSignal }) => {
    const run = await openRun(session, options.runId);
    const { reason, leave } = options;
    const abortOf = { runId: run.runId, by: owner(), reason, leave };
    const carried = await carriedOn(operated(session), run);
    return carryOut(context, { ...carried, abortOf, leaveSignal });
  });
}

/**
 * Returns the mandate for this plan: typed, or with --yes; and by a second person where the team
 * asks for one.
 */
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
      // Shows the refused plan, with its current digest.
      output.say(planText(plan, digest));
      throw error;
    }
  };
  // Checked before the question, so that nobody types a region's name for a plan that is refused
  // anyway.
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

/** Returns the named run, or the service's open run. Throws `no-open-run`. */
async function openRun(session: Session, given: string | undefined): Promise<RunState> {
  const runId = given ?? (await serviceState(session)).openRun;
  const { name } = session.loaded.service;
  if (runId === null) throw cliErrors.make('no-open-run', `${name} has no run that is open`);
  return session.parts.store.run(runId);
}
