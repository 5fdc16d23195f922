import type { Clock } from '../kernel/kernel.ts';
import type { RunEventBody } from './events.ts';
import type { Expected } from './history.ts';
import type { Journal } from './journal.ts';
import type { Progress } from './progress.ts';
import type { RunIdentity, Step, StepContext } from './step.ts';

/** What one controller carries a run out with. */
export interface Controller {
  readonly run: RunIdentity;
  readonly steps: readonly Step[];
  readonly clock: Clock;
  readonly journal: Journal;
  readonly progress: Progress;
  readonly expected: ReadonlyMap<string, Expected>;
  /** Aborted, with an `Interrupted`, when nothing may be done any more: the run is lost, or left by the operator. */
  readonly ended: AbortSignal;
  /** Aborted, with the error that says why, when the operator or the kill switch asks to stop; counts before the point of no return. */
  readonly stop: AbortSignal;
  /** Of the plan in force, or of one that it replaced. */
  stepNamed(name: string): Step | undefined;
  /** Throws an `Interrupted` when this controller may no longer act. */
  mustHold(): void;
  emit(event: RunEventBody): void;
}

/**
 * Why a step ended early, without being at fault.
 * stop: the operator's first request, the kill switch, or a step of the same group that failed. leave:
 * the operator's second request. lost: another controller has the run, or the
 * journal cannot be written; `cause` says which.
 */
export class Interrupted extends Error {
  readonly why: 'stop' | 'leave' | 'lost';

  constructor(why: 'stop' | 'leave' | 'lost', cause?: unknown) {
    super(`interrupted: ${why}`, { cause });
    this.name = 'Interrupted';
    this.why = why;
  }
}

/** The reason with which a step's signal is aborted when its time is over. */
export const timeIsOver = new Error('the time of the step is over');

/** The time in which one step may work: until its timeout, an interrupt, or `close`. */
export interface Window {
  readonly signal: AbortSignal;
  close(): void;
}

export function openWindow(
  controller: Controller,
  options: { timeoutMs: number; stoppable: boolean; abandon?: AbortSignal },
): Window {
  const { clock, ended, stop, progress } = controller;
  const abort = new AbortController();
  const closed = new AbortController();
  const onEnded = () => abort.abort(ended.reason);
  const onStop = () => {
    if (options.stoppable && !progress.pastNoReturn) abort.abort(new Interrupted('stop'));
  };
  listen(ended, onEnded, closed.signal);
  listen(stop, onStop, closed.signal);
  if (options.abandon) listen(options.abandon, onStop, closed.signal);
  clock.sleep(options.timeoutMs, closed.signal).then(
    () => abort.abort(timeIsOver),
    () => {},
  );
  return { signal: abort.signal, close: () => closed.abort() };
}

export function listen(signal: AbortSignal, then: () => void, until: AbortSignal): void {
  if (signal.aborted) then();
  else signal.addEventListener('abort', then, { once: true, signal: until });
}

export function contextOf(controller: Controller, step: Step, signal: AbortSignal): StepContext {
  const { run, clock, progress, mustHold, emit } = controller;
  return {
    run,
    clock,
    signal,
    outcomes: progress.outcomes,
    // Asked anew each time: the intent is journaled after the first look.
    get before() {
      return progress.before(step.name);
    },
    never: (name) => {
      mustHold();
      return progress.never(name);
    },
    progress: (note) => emit({ type: 'step-progress', step: step.name, note }),
  };
}
