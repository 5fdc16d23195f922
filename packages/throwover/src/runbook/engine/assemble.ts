import type { Halt } from '../../store/store.ts';
import { runbookErrors } from '../errors.ts';
import { type Controller, Interrupted, listen } from './controller.ts';
import type { RunEventBody } from './events.ts';
import { Journal } from './journal.ts';
import { keepLease } from './lease.ts';
import type { ExecuteOptions, Opening } from './opening.ts';
import { Progress } from './progress.ts';

/** The controller of one run with its lease, which is renewed until `close`. */
export interface Assembled {
  readonly controller: Controller;
  /** From this call on the operator's signals count. */
  heedOperator(): void;
  close(): void;
}

export function assemble(options: ExecuteOptions, opening: Opening): Assembled {
  const { store, clock, steps, earlierSteps = [], onEvent } = options;
  const { lease, grantedMs, run, records, planned } = opening;
  const ended = new AbortController();
  const closed = new AbortController();
  const stop = new AbortController();
  let halted: Halt | null = null;

  // The journal so far was written under the plan that was in force before.
  const progress = new Progress([...planned, ...steps]);
  for (const record of records) progress.note(record);

  const lose = (cause: unknown) => ended.abort(new Interrupted('lost', cause));
  const halt = (thrown: Halt) => {
    halted ??= thrown;
    stop.abort(runHalted(run.runId, thrown));
  };
  const held = keepLease({ store, clock, lease, grantedMs, onLost: lose, onHalted: halt });
  const journal = new Journal({
    store,
    clock,
    lease,
    progress,
    lastSeq: records.length,
    mustHold: held.mustHold,
    onFailure: lose,
  });
  const emit = (event: RunEventBody) => {
    // An observer (a closed terminal, a broken pipe, a notifier that does not answer) must not stop
    // a run between fence and promotion: its errors are ignored, and its promises are not awaited.
    try {
      const watched: unknown = onEvent?.({ wallMs: clock.wallMs(), ...event });
      Promise.resolve(watched).catch(() => {});
    } catch {}
  };
  const mustHold = () => {
    if (ended.signal.aborted) throw ended.signal.reason;
    try {
      held.mustHold();
    } catch (error) {
      throw new Interrupted('lost', error);
    }
  };
  const heedOperator = () => {
    const onStop = () => {
      const mode = progress.pastNoReturn ? 'finish' : 'undo';
      emit({ type: 'run-stopping', mode, ...(halted === null ? {} : { halted }) });
    };
    const onLeave = () => {
      emit({ type: 'run-stopping', mode: 'leave' });
      ended.abort(new Interrupted('leave'));
    };
    if (opening.halted !== null) halt(opening.halted);
    const onSignal = () => stop.abort(stopRequested(run.runId));
    listen(stop.signal, onStop, closed.signal);
    if (options.signal) listen(options.signal, onSignal, closed.signal);
    if (options.leaveSignal) listen(options.leaveSignal, onLeave, closed.signal);
  };
  const close = () => {
    held.release();
    closed.abort();
  };
  const controller = {
    run,
    steps,
    clock,
    journal,
    progress,
    expected: new Map(),
    ended: ended.signal,
    stop: stop.signal,
    stepNamed: (name: string) => [...steps, ...earlierSteps].find((step) => step.name === name),
    mustHold,
    emit,
  };
  return { controller, heedOperator, close };
}

export function stopRequested(runId: string) {
  return runbookErrors.make('stop-requested', `run ${runId}: stopped by the operator`, { runId });
}

function runHalted(runId: string, halt: Halt) {
  const message = `run ${runId}: automation was halted by ${halt.by}: ${halt.reason}`;
  return runbookErrors.make('run-halted', message, { runId, ...halt });
}
