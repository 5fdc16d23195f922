import type { Clock } from '../../kernel/kernel.ts';
import type { RunIdentity, Step, StepContext } from '../step.ts';
import type { RunEventBody } from './events.ts';
import type { Expected } from './history.ts';
import type { Journal } from './journal.ts';
import type { Progress } from './progress.ts';

/** The state and ports with which one controller carries a run out. */
export interface Controller {
  readonly run: RunIdentity;
  readonly steps: readonly Step[];
  readonly clock: Clock;
  readonly journal: Journal;
  readonly progress: Progress;
  readonly expected: Map<string, Expected>;
  /**
   * Aborted, with an `Interrupted`, when the controller must not act any more: the run is lost, or
   * the operator left it.
   */
  readonly ended: AbortSignal;
  /**
   * Aborted, with the error that says why, when the operator or the kill switch asks to stop. It
   * has an effect only before the point of no return.
   */
  readonly stop: AbortSignal;
  /** Returns a step of the plan in force, or of one that it replaced. */
  stepNamed(name: string): Step | undefined;
  /** Throws an `Interrupted` when this controller may no longer act. */
  mustHold(): void;
  emit(event: RunEventBody): void;
}

/**
 * The reason why a step ended early through no fault of its own. stop: the operator's first
 * request, the kill switch, or a failed step of the same group. leave: the operator's second
 * request. lost: another controller has the run, or the journal cannot be written; `cause` tells
 * which.
 */
export class Interrupted extends Error {
  readonly why: 'stop' | 'leave' | 'lost';

  constructor(why: 'stop' | 'leave' | 'lost', cause?: unknown) {
    super(`interrupted: ${why}`, { cause });
    this.name = 'Interrupted';
    this.why = why;
  }
}

/** The abort reason of a step's signal when its time is over. */
export const timeIsOver = new Error('the time of the step is over');

/** The period in which one step may work: until its timeout, an interrupt, or `close`. */
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

/**
 * Runs `then` when `signal` is aborted, unless `until` was aborted before.
 *
 * It does not use the `signal` option of `addEventListener`: Node keeps such listeners in a
 * registry of the process until `until` is aborted, so a controller that hangs would never be
 * freed.
 */
export function listen(signal: AbortSignal, then: () => void, until: AbortSignal): void {
  if (signal.aborted) then();
  if (signal.aborted || until.aborted) return;
  signal.addEventListener('abort', then, { once: true });
  until.addEventListener('abort', () => signal.removeEventListener('abort', then), { once: true });
}

export function contextOf(controller: Controller, step: Step, signal: AbortSignal): StepContext {
  const { run, clock, progress, mustHold, emit } = controller;
  return {
    run,
    clock,
    signal,
    outcomes: progress.outcomes,
    // Read each time: the intent is journaled after the first observation.
    get before() {
      return progress.before(step.name);
    },
    get earlier() {
      return progress.earlier(step.name);
    },
    never: (name) => {
      mustHold();
      return progress.never(name);
    },
    progress: (note) => emit({ type: 'step-progress', step: step.name, note }),
  };
}
