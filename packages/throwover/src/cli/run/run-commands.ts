import { Argument, Option } from 'commander';
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
import { type RunKind, runKinds } from '../../runs/runs.ts';
import type { RunState } from '../../store/store.ts';
import { act, answer } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { mandatory, toRegion } from '../options.ts';
import { operated, owner, person, planRun, type Session, serviceState } from '../session.ts';
import { endDamaged, endedDamagedText } from './abort-damaged.ts';
import { carryOut, withStops } from './carry-out.ts';
import { confirmed } from './confirm.ts';
import { planText } from './plan-text.ts';

/** The approval that the operator gave with the command. */
interface Approval {
  readonly yes?: string;
  readonly override: readonly string[];
  readonly second?: string;
}

/** Options that approve a plan. `only`: when they count. */
const approving = (only = '') => [
  new Option('--yes <digest>', `Do not ask for confirmation if the plan has this digest${only}`),
  new Option('--override <name...>', `Accept a refusal by its name${only}`).default([]),
];

const second = (only = '') =>
  new Option('--second <name>', `Second person who approved, if the service requires two${only}`);

/** Shows the plan, also a refused one. Changes nothing. */
export const plan = answer({
  name: 'plan',
  says: 'Show the plan of a run and its digest. Changes nothing',
  takes: () => [
    new Argument('<kind>', 'Kind of run').choices(runKinds),
    toRegion(
      'Target region (default of failback: `home` of throwover.yaml; of rejoin: the inactive region)',
    ),
  ],
  look: async (session, { kind, to }: { kind: RunKind; to?: string }) => {
    const { signal } = new AbortController();
    const planned = await planRun(session, { kind, to, consent: noConsent, signal });
    return { digest: planned.digest, plan: planned.plan };
  },
  text: (planned) => planText(planned.plan, planned.digest),
  exit: (planned) =>
    planned.plan.guards.some(({ refusals }) => refusals.length > 0)
      ? exitCodes.refused
      : exitCodes.ok,
});

const becomesActive = 'Region that becomes active';

const kinds: Readonly<
  Record<RunKind, { readonly says: string; readonly to: string; readonly needsTo: boolean }>
> = {
  switchover: {
    says: 'Move the service to another region without losing writes (planned)',
    to: becomesActive,
    needsTo: true,
  },
  failover: {
    says: 'Move the service away from a lost or sick region; shows first what may be lost',
    to: becomesActive,
    needsTo: true,
  },
  failback: {
    says: 'Move the service home after a failover (planned); needs rejoin and all lost writes resolved',
    to: 'Home region (default: `home` of throwover.yaml)',
    needsTo: false,
  },
  rejoin: {
    says: 'Reattach the old region as a standby, after listing the writes that only it has',
    to: 'Region to reattach (default: the region that is not active)',
    needsTo: false,
  },
  'flip-only': {
    says: 'Change the DNS and promote without a fence. Can lose writes; for comparison only',
    to: becomesActive,
    needsTo: true,
  },
};

/** One command for each kind of run: plans, asks for the mandate, carries the run out. */
export const kindsOfRun = runKinds.map((kind) => {
  const { says, to, needsTo } = kinds[kind];
  return act({
    name: kind,
    says,
    takes: () => [
      needsTo ? mandatory(toRegion(to)) : toRegion(to),
      ...approving(),
      ...(kind === 'failover' ? [second()] : []),
    ],
    run: (context, given: Approval & { to?: string }) =>
      runCommand(context, { ...given, kind, to: given.to }),
  });
});

const onlyAsFailover = ' (only with --as-failover)';

interface ResumeGiven extends Approval {
  readonly run?: string;
  readonly takeover?: boolean;
  readonly asFailover?: boolean;
}

export const resume = act({
  name: 'resume',
  says: 'Resume a run whose controller stopped',
  takes: () => [
    new Argument('[run]', 'Run id (default: the open run of the service)'),
    new Option(
      '--takeover',
      'Do not wait until the lease of the process that carries the run has ended (at most 15 s); only if that process is gone. --as-failover implies it',
    ),
    new Option(
      '--as-failover',
      'Turn the run into a failover, because the region that it leaves is lost',
    ),
    ...approving(onlyAsFailover),
    second(onlyAsFailover),
  ],
  run: async (context, given: ResumeGiven) => {
    if (given.asFailover === true) return replanCommand(context, { ...given, runId: given.run });
    mustNotApprove(given);
    return resumeCommand(context, { runId: given.run, takeover: given.takeover === true });
  },
});

/** A run that is resumed has its approval: a new one would have no effect. */
function mustNotApprove({ yes, override, second: another }: ResumeGiven): void {
  if (yes === undefined && override.length === 0 && another === undefined) return;
  throw cliErrors.make(
    'usage-wrong',
    '--yes, --override and --second count only with --as-failover: a resumed run keeps the approval that it has',
  );
}

export const abort = act({
  name: 'abort',
  says: 'Undo a run, if nothing was promoted yet',
  takes: () => [
    new Argument('[run]', 'Run id (default: the open run of the service)'),
    mandatory(new Option('--reason <text>', 'Reason, written to the journal')),
    new Option(
      '--leave <step...>',
      'End the run although this step cannot be undone; the step stays done',
    ).default([]),
    new Option(
      '--damaged',
      'End a run whose plan or journal cannot be read: undoes only what the guards can prove, and says what may be half-done',
    ),
    new Option('--by <name>', 'Who ends it (required with --damaged)'),
  ],
  run: (context, given: AbortGiven) =>
    given.damaged === true
      ? abortDamagedCommand(context, given)
      : abortCommand(context, { ...given, runId: given.run }),
});

interface AbortGiven {
  readonly run?: string;
  readonly reason: string;
  readonly leave: readonly string[];
  readonly damaged?: boolean;
  readonly by?: string;
}

async function abortDamagedCommand(
  { output, session }: CommandContext,
  { run, reason, leave, by }: AbortGiven,
): Promise<ExitCode> {
  if (by === undefined || by.trim() === '' || reason.trim() === '' || leave.length > 0) {
    throw cliErrors.make(
      'usage-wrong',
      '--damaged needs --by NAME and --reason TEXT, and no --leave: nobody can read which steps there were',
    );
  }
  const runId = run ?? (await serviceState(session)).openRun;
  if (runId === null) throw noOpenRun(session);
  const ended = await endDamaged(session, { runId, by: by.trim(), reason });
  output.result(ended, endedDamagedText(ended));
  return exitCodes.ok;
}

function runCommand(
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
    const expected = () => expectations(operated(session), options.kind);
    if (options.kind !== 'failover') await before.read();
    const what = { steps, claim, expected, plan: planned.plan, mandate, ...stops };
    return carryOut(context, what, before);
  });
}

/** Resumes a run; without a name, the service's open run. */
function resumeCommand(
  context: CommandContext,
  options: { runId: string | undefined; takeover: boolean },
): Promise<ExitCode> {
  const { terminal, session } = context;
  return withStops(terminal, async (stops) => {
    const run = await openRun(session, options.runId);
    const resumeOf = { runId: run.runId, force: options.takeover };
    const carried = carriedOn(operated(session), run);
    return carryOut(context, { ...carried, resumeOf, ...stops });
  });
}

/** Turns the open run into a failover, with its own plan and mandate. */
function replanCommand(
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
    const expected = () => expectations(operated(session), kind);
    const before = forecastBefore(operated(session), {
      ...{ kind, from, runId, approveMs: null, later: true },
      random: terminal.random,
    });
    const what = { steps, earlierSteps, claim, expected, replanOf, ...stops };
    return carryOut(context, what, before);
  });
}

/** Undoes the run where that is still possible; otherwise says what to do instead. */
function abortCommand(
  context: CommandContext,
  options: { runId: string | undefined; reason: string; leave: readonly string[] },
): Promise<ExitCode> {
  const { terminal, session } = context;
  return withStops(terminal, async ({ leaveSignal }) => {
    const run = await openRun(session, options.runId);
    const { reason, leave } = options;
    const abortOf = { runId: run.runId, by: owner(), reason, leave };
    const carried = carriedOn(operated(session), run);
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
  if (runId === null) throw noOpenRun(session);
  return session.parts.store.run(runId);
}

function noOpenRun({ loaded }: Session) {
  return cliErrors.make('no-open-run', `${loaded.service.name} has no run that is open`);
}
