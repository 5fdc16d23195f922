import { errorText } from '../../kernel/kernel.ts';
import { RunNotices } from '../../notify/notify.ts';
import type { ForecastBefore, WhatToDo } from '../../operations/operations.ts';
import {
  type ExecuteOptions,
  executeRun,
  type RunEvent,
  type RunResult,
} from '../../runbook/runbook.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { type ExitCode, exitCodeOfRun } from '../exit-codes.ts';
import { owner } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { printable } from '../text/printable.ts';
import { ClosedWriter, closedText } from './closed-writer.ts';
import { type Live, live } from './live.ts';

/** Carries out or resumes a run, shows it, notifies people, and reports how it ended. */
export async function carryOut(
  { terminal, output, session }: CommandContext,
  what: WhatToDo,
  before?: Pick<ForecastBefore, 'note' | 'settled'>,
  shown: Live = live(terminal, output),
): Promise<ExitCode> {
  const writer = new ClosedWriter();
  const notices = new RunNotices(
    what.steps.filter(({ noReturn }) => noReturn).map(({ name }) => name),
  );
  const observed = afterwards((event: RunEvent) => {
    writer.note(event);
    before?.note(event);
    shown.onEvent(event);
    const notice = notices.of(event);
    if (notice !== null) session.notifiers.tell(notice);
  });
  let result: RunResult;
  try {
    result = await executeRun({
      ...what,
      store: session.parts.store,
      clock: terminal.clock,
      owner: owner(),
      onEvent: observed.onEvent,
    } as ExecuteOptions);
  } finally {
    observed.catchUp();
    shown.end();
    // It uses the session's parts, which are closed after this function.
    await before?.settled();
  }
  const { runId, status, error } = result;
  const closed = status === 'open' ? writer.region : null;
  if (output.json) {
    output.result({ runId, status, closedToWrites: closed, error: error?.toJSON() ?? null }, '');
  } else if (error !== null) {
    terminal.stderr.write(printable(errorText(error)));
    if (closed !== null) terminal.stderr.write(printable(closedText(closed, runId)));
  }
  await session.notifiers.settled();
  return exitCodeOfRun(result);
}

/**
 * Returns an observer that handles events in order when the run has nothing to send: showing a step
 * that has ended must not delay the request of the next one while no region takes writes.
 */
function afterwards(handle: (event: RunEvent) => void) {
  const waiting: RunEvent[] = [];
  const catchUp = () => {
    for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) {
      // A closed terminal must not stop a run between fence and promotion.
      try {
        handle(event);
      } catch {}
    }
  };
  const onEvent = (event: RunEvent) => {
    if (waiting.push(event) === 1) setImmediate(catchUp);
  };
  return { onEvent, catchUp };
}

export interface Stops {
  /** Aborted by the first Ctrl-C: stop at the next safe point. */
  readonly signal: AbortSignal;
  /** Aborted by the second Ctrl-C: leave the run to `resume`. */
  readonly leaveSignal: AbortSignal;
}

export async function withStops<T>(
  terminal: Terminal,
  work: (stops: Stops) => Promise<T>,
): Promise<T> {
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
