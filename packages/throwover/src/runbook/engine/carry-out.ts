import { isThrowoverError, type ThrowoverError } from '../../kernel/kernel.ts';
import { runbookErrors } from '../errors.ts';
import { look } from '../observe.ts';
import type { Observation, Step, StepContext } from '../step.ts';
import { abortable } from './abortable.ts';
import { type Controller, contextOf, Interrupted, openWindow, timeIsOver } from './controller.ts';
import { JournalFailure } from './journal.ts';
import { type Pace, watchPace } from './pace.ts';
import { maxRepeats, pauseBeforeRepeatMs } from './repeats.ts';

/**
 * How long an interrupted act may take to end, ms: the longest deadline of a command to a process
 * beside a database is 15 s. An undo while the act still works would race with it.
 */
const settleGraceMs = 20_000;

/** How a step ended. `settled`: no act of it is still working, so it may be undone. */
export type StepEnd =
  | { readonly kind: 'done' }
  /** Nothing was done: the steps before it held for an earlier controller only. */
  | { readonly kind: 'held-by-earlier' }
  | { readonly kind: 'failed'; readonly error: ThrowoverError; readonly settled: boolean }
  | { readonly kind: 'stopped'; readonly settled: boolean };

type Known = Exclude<Observation, { state: 'unknown' }>;

/**
 * Carries out one step forward: observes it, and if the desired state holds, journals the outcome.
 * Otherwise journals the intent, acts, observes until the state holds, and journals the outcome.
 *
 * The first observation runs while the record of the step before is on its way to the store. An act
 * never does, so a step that only waits does not wait for a record. The outcome's record is on its
 * way when this resolves. `abandon`: ends the step early, like the operator's stop, because another
 * step of its group failed. Throws `Interrupted` (lost, leave) or `JournalFailure`: after these the
 * controller must do nothing more.
 */
export async function carryOut(
  controller: Controller,
  step: Step,
  abandon: AbortSignal,
): Promise<StepEnd> {
  const { clock, journal, progress, emit } = controller;
  const startedMs = clock.monotonicMs();
  const { timeoutMs } = step;
  const window = openWindow(controller, { timeoutMs, stoppable: true, abandon });
  const pace = watchPace(controller, step, { undoing: false });
  const attempt = new Attempt(controller, step, window.signal, pace);
  const tellNoReturn = pastNoReturnTeller(controller, step);
  try {
    let seen = await attempt.untilKnown();
    if (seen.state === 'pending') {
      if (step.noReturn && progress.course === 'held-by-earlier')
        return { kind: 'held-by-earlier' };
      const { evidence: observed } = seen;
      // A stop may have come during this observation: after the intent it would be too late for a
      // step of no return.
      window.signal.throwIfAborted();
      // An intent of an earlier controller is still valid; this step is then the first one of this
      // controller.
      if (!progress.hasIntent(step.name)) {
        if (step.onlyWaits) journal.note({ type: 'intent', step: step.name, observed });
        else await journal.append({ type: 'intent', step: step.name, observed });
        tellNoReturn();
      }
      seen = await attempt.converge();
    }
    if (seen.state !== 'done')
      throw seen.state === 'refused' ? seen.error : new Error('no outcome');
    const outcome = {
      step: step.name,
      result: progress.hasIntent(step.name) ? 'acted' : 'already-done',
      evidence: seen.evidence,
      durationMs: clock.monotonicMs() - startedMs,
      kind: step.waits,
    } as const;
    journal.note({ type: 'outcome', ...outcome });
    tellNoReturn();
    emit({ type: 'step-done', ...outcome });
    return { kind: 'done' };
  } catch (error) {
    if (error instanceof JournalFailure) throw error;
    if (error instanceof Interrupted) {
      emit({ type: 'step-interrupted', step: step.name });
      if (error.why !== 'stop') throw error;
      return { kind: 'stopped', settled: await attempt.settled() };
    }
    const settled = await attempt.settled();
    const failure = attempt.failureOf(error);
    const failed = {
      step: step.name,
      durationMs: clock.monotonicMs() - startedMs,
      ...(attempt.turnsBack(failure) ? { turnedBack: true as const } : {}),
    };
    await journal.append({ type: 'step-failed', error: failure.toJSON(), ...failed });
    emit({ type: 'step-failed', error: failure, ...failed });
    return { kind: 'failed', error: failure, settled };
  } finally {
    pace.close();
    window.close();
  }
}

/** Sends `past-no-return`, once, when this step takes the run past its point of no return. */
function pastNoReturnTeller({ progress, emit }: Controller, { name, noReturn }: Step): () => void {
  let told = !noReturn || progress.pastNoReturn;
  return () => {
    if (!told) emit({ type: 'past-no-return', step: name });
    told = true;
  };
}

/** The observations and acts of one step within its window. */
class Attempt {
  readonly #controller: Controller;
  readonly #step: Step;
  readonly #signal: AbortSignal;
  readonly #context: StepContext;
  readonly #pace: Pace;
  #last: Observation | null = null;
  #working: Promise<void> | null = null;

  constructor(controller: Controller, step: Step, signal: AbortSignal, pace: Pace) {
    this.#controller = controller;
    this.#step = step;
    this.#signal = signal;
    this.#context = contextOf(controller, step, signal);
    this.#pace = pace;
  }

  /**
   * Acts, and observes until the desired state holds or is refused. A failed act is repeated only
   * if an observation says that it is still needed.
   */
  async converge(): Promise<Known> {
    for (let repeats = 0; ; repeats++) {
      const failure = await this.#act();
      if (failure !== null && this.turnsBack(failure)) throw failure;
      const seen = await this.#lookUntil(
        ({ state }) => state !== 'unknown' && (state !== 'pending' || failure !== null),
      );
      if (seen.state !== 'pending' || failure === null) return seen;
      if (failure.disposition !== 'retry' || repeats >= maxRepeats) throw failure;
      await this.#controller.clock.sleep(pauseBeforeRepeatMs(repeats), this.#signal);
      const again = await this.untilKnown();
      if (again.state !== 'pending') return again;
    }
  }

  untilKnown(): Promise<Known> {
    return this.#lookUntil(({ state }) => state !== 'unknown');
  }

  /** Waits for an interrupted act to end; returns false if it does not end in time. */
  async settled(): Promise<boolean> {
    if (this.#working === null) return true;
    const { clock, ended } = this.#controller;
    const done = new AbortController();
    const late = clock.sleep(settleGraceMs, done.signal).then(() => false);
    const ends = this.#working.then(
      () => true,
      () => true,
    );
    try {
      return await abortable(Promise.race([ends, late]), ended);
    } finally {
      done.abort();
    }
  }

  /**
   * Whether this is a step of no return that was requested and this error says that it will never
   * happen.
   */
  turnsBack(failure: ThrowoverError): boolean {
    const { name, noReturn, turnsBack } = this.#step;
    if (!noReturn || turnsBack === undefined) return false;
    return this.#controller.progress.hasIntent(name) && turnsBack(failure);
  }

  failureOf(error: unknown): ThrowoverError {
    const { name, timeoutMs } = this.#step;
    if (error === timeIsOver) {
      const last = this.#last;
      const what = last === null ? 'nothing was seen' : `last seen ${last.state}`;
      return runbookErrors.make(
        'step-timed-out',
        `${name} did not hold within ${timeoutMs} ms; ${what}${last && 'error' in last ? `: ${last.error.message}` : ''}`,
        { step: name, timeoutMs, last: seenEvidence(last) },
      );
    }
    if (isThrowoverError(error)) return error;
    const message = error instanceof Error ? error.message : String(error);
    const stack = error instanceof Error ? error.stack : undefined;
    return runbookErrors.make('step-threw', `${name}: ${message}`, { step: name, stack }, error);
  }

  /**
   * Returns `null` if the act ended well, or its error if it failed in a way that a repeat may
   * mend.
   */
  async #act(): Promise<ThrowoverError | null> {
    this.#signal.throwIfAborted();
    this.#controller.mustHold();
    const working = this.#step.act(this.#context);
    this.#working = working;
    try {
      await abortable(working, this.#signal);
      this.#working = null;
      return null;
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#working = null;
      if (isThrowoverError(error)) return error;
      throw error;
    }
  }

  async #lookUntil(enough: (seen: Observation) => boolean): Promise<Known> {
    const { clock } = this.#controller;
    for (;;) {
      const seen = await abortable(
        look(() => this.#step.observe(this.#context)),
        this.#signal,
      );
      this.#report(seen);
      if (seen.state !== 'unknown' && enough(seen)) return seen;
      await clock.sleep(this.#step.pollMs, this.#signal);
    }
  }

  #report(seen: Observation): void {
    if (seen.state === 'pending') this.#pace.saw(seen.evidence);
    const changed = this.#last?.state !== seen.state;
    this.#last = seen;
    if (!changed) return;
    const { state } = seen;
    const evidence = seenEvidence(seen);
    this.#controller.emit({ type: 'step-observed', step: this.#step.name, state, evidence });
  }
}

function seenEvidence(seen: Observation | null): Readonly<Record<string, unknown>> {
  if (seen === null) return {};
  return 'error' in seen ? { ...seen.error.toJSON() } : seen.evidence;
}
