import { type Controller, Interrupted, listen } from './controller.ts';
import type { RunEventBody } from './events.ts';
import { Journal } from './journal.ts';
import { keepLease } from './lease.ts';
import type { ExecuteOptions, Opening } from './opening.ts';
import { Progress } from './progress.ts';

/** What one controller has from the moment it has the run: the lease is renewed until `close`. */
export interface Assembled {
  readonly controller: Controller;
  /** From here on the operator's signals count. */
  heedOperator(): void;
  close(): void;
}

export function assemble(options: ExecuteOptions, opening: Opening): Assembled {
  const { store, clock, steps, onEvent } = options;
  const { lease, grantedMs, run, records } = opening;
  const ended = new AbortController();
  const closed = new AbortController();
  const stop = options.signal ?? new AbortController().signal;

  const progress = new Progress(steps);
  for (const record of records) progress.note(record);

  const lose = (cause: unknown) => ended.abort(new Interrupted('lost', cause));
  const held = keepLease({ store, clock, lease, grantedMs, onLost: lose });
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
    try {
      onEvent?.({ wallMs: clock.wallMs(), ...event });
    } catch {
      // Who watches (a closed terminal, a broken pipe) must not stop a run between fence and promotion.
    }
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
    const onStop = () =>
      emit({ type: 'run-stopping', mode: progress.pastNoReturn ? 'finish' : 'undo' });
    const onLeave = () => {
      emit({ type: 'run-stopping', mode: 'leave' });
      ended.abort(new Interrupted('leave'));
    };
    listen(stop, onStop, closed.signal);
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
    ended: ended.signal,
    stop,
    mustHold,
    emit,
  };
  return { controller, heedOperator, close };
}
