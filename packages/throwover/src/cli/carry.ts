import { hostname, userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { type ErrorDefinition, ThrowoverError } from '../kernel/kernel.ts';
import {
  approve,
  type ExecuteOptions,
  executeRun,
  type Mandate,
  type RunResult,
} from '../runbook/runbook.ts';
import { isRunKind, type RunKind } from '../runs/runs.ts';
import type { RunSummary } from '../store/store.ts';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { progressView } from './progress.ts';
import { definitionOf, type Prepared, prepare, type Session } from './session.ts';
import { type Output, outputOf, type Terminal } from './terminal.ts';
import { planText } from './views.ts';

export interface RunOptions {
  readonly to: string;
  /** Digest of the plan that was read elsewhere; without it the plan is shown and confirmed by typing. */
  readonly yes?: string;
  readonly override: readonly string[];
  readonly json: boolean;
}

/** `throwover switchover --to west`: plan, guards, mandate, execution. */
export async function beginRun(
  session: Session,
  kind: RunKind,
  options: RunOptions,
): Promise<ExitCode> {
  const { terminal, parts } = session;
  const output = outputOf(terminal, options.json);
  const prepared = await prepare(session, kind, options.to);
  const mandate = await mandateFor(terminal, output, prepared, options);
  const { plan, definition } = prepared;
  return carry(terminal, output, (watching) =>
    executeRun({
      store: parts.store,
      clock: terminal.clock,
      steps: definition.steps,
      owner: ownerName(),
      plan,
      mandate,
      ...watching,
    }),
  );
}

/** `throwover resume [RUN]`: carries on where the journal says that the last controller came. */
export async function resumeRun(
  session: Session,
  options: { run: string | undefined; takeover: boolean; json: boolean },
): Promise<ExitCode> {
  const { terminal, parts } = session;
  const output = outputOf(terminal, options.json);
  const { runId, kind, from, to, epoch } = await openRun(session, options.run);
  if (!isRunKind(kind)) {
    throw cliErrors.make('usage-wrong', `this throwover knows no run of kind ${kind}`, { kind });
  }
  const { steps } = definitionOf(session, kind, { from, to, epoch });
  return carry(terminal, output, (watching) =>
    executeRun({
      store: parts.store,
      clock: terminal.clock,
      steps,
      owner: ownerName(),
      resumeOf: { runId, force: options.takeover },
      ...watching,
    }),
  );
}

async function openRun(session: Session, run: string | undefined): Promise<RunSummary> {
  const { parts, state } = session;
  const runId = run ?? state.openRun;
  if (runId === null) {
    throw cliErrors.make('no-open-run', `no run of ${state.name} is open`, { service: state.name });
  }
  return parts.store.run(runId);
}

type Watching = Pick<ExecuteOptions, 'onEvent' | 'signal' | 'leaveSignal'>;

/** The run with its progress shown and Ctrl-C heard; its end as an exit code, its reason as an error. */
async function carry(
  terminal: Terminal,
  output: Output,
  execute: (watching: Watching) => Promise<RunResult>,
): Promise<ExitCode> {
  const stop = new AbortController();
  const leave = new AbortController();
  const view = progressView(terminal, output);
  const stopListening = terminal.onSignal(() => {
    if (stop.signal.aborted) leave.abort();
    else stop.abort();
  });
  try {
    const result = await execute({
      onEvent: view.onEvent,
      signal: stop.signal,
      leaveSignal: leave.signal,
    });
    view.end();
    const { runId, status } = result;
    if (status === 'succeeded') {
      output.result({ runId, status }, `Done. The journal: throwover show ${runId}`);
      return exitCodes.ok;
    }
    throw endError(result);
  } finally {
    view.end();
    stopListening();
  }
}

/** Why the run did not succeed, in the words of its own error, with what is true of the run as a whole. */
function endError(result: Extract<RunResult, { status: 'undone' | 'open' }>): ThrowoverError {
  const { runId, status, error } = result;
  const code = status === 'undone' ? 'run-undone' : 'run-interrupted';
  const whole: ErrorDefinition = cliErrors.definitions[code];
  const remedy =
    status === 'undone'
      ? `${error.remedy} The journal: throwover show ${runId}`
      : `${error.remedy} Then: throwover resume ${runId}`;
  const what = status === 'undone' ? 'was taken back' : 'is not finished';
  return new ThrowoverError(
    code,
    { ...whole, remedy },
    `run ${runId} ${what}: ${error.code}: ${error.message}`,
    { runId, error: error.toJSON() },
    error,
  );
}

async function mandateFor(
  terminal: Terminal,
  output: Output,
  { plan, digest }: Prepared,
  options: RunOptions,
): Promise<Mandate> {
  const by = userName();
  const overrides = options.override;
  if (options.yes !== undefined) {
    if (options.yes.length < 12 || !digest.startsWith(options.yes)) {
      throw cliErrors.make('plan-changed', `the digest of this plan is ${digest}`, {
        digest,
        given: options.yes,
      });
    }
    return approve(plan, { digest, by, overrides });
  }
  output.say(planText(plan, digest));
  const mandate = approve(plan, { digest, by, overrides });
  const wanted = `${plan.service} to ${plan.to}`;
  const typed = await ask(terminal, `Type "${wanted}" to begin: `);
  if (typed !== wanted) {
    throw cliErrors.make('not-confirmed', `"${wanted}" was not typed`, { digest });
  }
  return mandate;
}

/** One line from the terminal; empty at its end, so that a script without --yes is refused. */
async function ask({ stdin, stderr }: Terminal, question: string): Promise<string> {
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    return (await Promise.race([lines.question(question), closed])).trim();
  } finally {
    lines.close();
  }
}

function userName(): string {
  return userInfo().username;
}

function ownerName(): string {
  return `${userName()}@${hostname()} pid ${process.pid}`;
}
