import type { ThrowoverError } from '../kernel/kernel.ts';
import {
  approve,
  type ExecuteOptions,
  executeRun,
  type RunEvent,
  type RunResult,
} from '../runbook/runbook.ts';
import { isRunKind, type RunKind } from '../runs/runs.ts';
import { confirmed } from './confirm.ts';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodeOfRun, exitCodes } from './exit-codes.ts';
import { live } from './live.ts';
import { planText } from './plan-text.ts';
import { define, owner, planRun, type Session, serviceState } from './session.ts';
import { errorText, type Output, type Terminal } from './terminal.ts';

/** What a command works with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly output: Output;
  readonly session: Session;
}

/** `throwover plan KIND --to REGION`: changes nothing; a refused plan is still shown. */
export async function planCommand(
  { output, session }: CommandContext,
  options: { kind: RunKind; to: string },
): Promise<ExitCode> {
  const { kind, to } = options;
  const { signal } = new AbortController();
  const { plan, digest } = await planRun(session, { kind, to, signal });
  output.result({ digest, plan }, planText(plan, digest));
  return plan.guards.some(({ refusals }) => refusals.length > 0) ? exitCodes.refused : exitCodes.ok;
}

/** `throwover switchover|flip-only --to REGION`: plan, mandate, run. */
export function runCommand(
  context: CommandContext,
  options: { kind: RunKind; to: string; yes?: string; override: readonly string[] },
): Promise<ExitCode> {
  const { terminal, output, session } = context;
  const { kind, to, yes, override } = options;
  return withStops(terminal, async (stops) => {
    const { plan, digest, steps } = await planRun(session, { kind, to, signal: stops.signal });
    const mandated = (approved: string) => {
      try {
        return approve(plan, { digest: approved, by: owner(), overrides: override });
      } catch (error) {
        // What was refused, and the digest that would not be.
        output.say(planText(plan, digest));
        throw error;
      }
    };
    // Before the question: nobody types a region's name for a plan that is refused anyway.
    mandated(digest);
    const approved =
      yes ?? (await confirmed(terminal, output, { plan, digest, signal: stops.signal }));
    return carryOut(context, { steps, plan, mandate: mandated(approved), ...stops });
  });
}

/** `throwover resume [RUN]`: without a name, the service's run that has not ended. */
export function resumeCommand(
  context: CommandContext,
  options: { runId: string | undefined; takeover: boolean },
): Promise<ExitCode> {
  const { terminal, session } = context;
  const { store } = session.parts;
  return withStops(terminal, async (stops) => {
    const runId = options.runId ?? (await serviceState(session)).openRun;
    const { name } = session.loaded.service;
    if (runId === null) throw cliErrors.make('no-open-run', `${name} has no run that is open`);
    const { kind, from, to, epoch } = await store.run(runId);
    if (!isRunKind(kind)) {
      const message = `${runId} is a ${kind}, which this throwover does not know`;
      throw cliErrors.make('no-such-kind', message, { runId, kind });
    }
    const { steps } = define(session, kind, { from, to, epoch });
    const resumeOf = { runId, force: options.takeover };
    return carryOut(context, { steps, resumeOf, ...stops });
  });
}

type WhatToDo = Pick<ExecuteOptions, 'steps' | 'signal' | 'leaveSignal'> &
  (
    | Pick<Extract<ExecuteOptions, { mandate: unknown }>, 'plan' | 'mandate'>
    | Pick<Extract<ExecuteOptions, { resumeOf: unknown }>, 'resumeOf'>
  );

async function carryOut(
  { terminal, output, session }: CommandContext,
  what: WhatToDo,
): Promise<ExitCode> {
  const shown = live(terminal, output);
  const writer = new ClosedWriter();
  let result: RunResult;
  try {
    result = await executeRun({
      store: session.parts.store,
      clock: terminal.clock,
      owner: owner(),
      onEvent: (event) => {
        writer.note(event);
        shown.onEvent(event);
      },
      ...what,
    });
  } finally {
    shown.end();
  }
  const { runId, status, error } = result;
  const closed = status === 'open' ? writer.region : null;
  if (output.json) {
    output.result({ runId, status, closedToWrites: closed, error: error?.toJSON() ?? null }, '');
  } else if (error !== null) {
    terminal.stderr.write(errorText(error satisfies ThrowoverError));
    if (closed !== null) terminal.stderr.write(closedText(closed, runId));
  }
  return exitCodeOfRun(result);
}

function closedText(region: string, runId: string): string {
  return [
    '',
    `${region.toUpperCase()} MAY BE CLOSED TO WRITES, and no other region takes them yet.`,
    `Next: throwover resume ${runId}`,
    'If that cannot be: docs/cli.md, "A region that is closed to writes".',
    '',
  ].join('\n');
}

/** Which region a run has begun to fence and not moved away from. */
class ClosedWriter {
  #from = '';
  #closed = false;

  get region(): string | null {
    return this.#closed ? this.#from : null;
  }

  note(event: RunEvent): void {
    if (event.type === 'run-started') {
      this.#from = event.run.from;
      this.#closed = event.alreadyDone.includes('fence') && !event.alreadyDone.includes('forward');
    } else if ('step' in event && event.step === 'fence') {
      if (event.type === 'step-started') this.#closed = true;
      if (event.type === 'undo-done') this.#closed = false;
    } else if (event.type === 'step-done' && event.step === 'forward') {
      this.#closed = false;
    }
  }
}

interface Stops {
  /** First Ctrl-C or SIGTERM: stop where it is safe. */
  readonly signal: AbortSignal;
  /** Second: leave the run to `resume`. */
  readonly leaveSignal: AbortSignal;
}

async function withStops<T>(terminal: Terminal, work: (stops: Stops) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const leave = new AbortController();
  const stopListening = terminal.onSignal(() => {
    if (stop.signal.aborted) leave.abort();
    else stop.abort(cliErrors.make('not-confirmed', 'interrupted before the run began'));
  });
  try {
    return await work({ signal: stop.signal, leaveSignal: leave.signal });
  } finally {
    stopListening();
  }
}
