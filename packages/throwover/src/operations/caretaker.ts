import { errorLine, every, isThrowoverError } from '../kernel/kernel.ts';
import type { RunResult } from '../runbook/runbook.ts';
import type { RunState } from '../store/store.ts';
import { carriedOn } from './carry-on.ts';
import type { LookFailed, Operated } from './operated.ts';
import { unattended } from './unattended.ts';

/**
 * Pause between two looks at the open run of a service, ms. A run's lease is 15 s, a fence's
 * deadline 10 s.
 */
const lookEveryMs = 1_000;

/**
 * First pause before a run that stayed open is taken up again, ms; it doubles up to
 * `longestPauseMs`.
 */
const firstPauseMs = 5_000;
const longestPauseMs = 600_000;

/**
 * Kinds that go forward even before their point of no return. A failover was approved because its
 * old region is lost, so there is no way back; a rejoin closes a region that must stay closed
 * anyway.
 */
const forwardKinds: readonly string[] = ['failover', 'rejoin'];

/** An act of the caretaker, as a line of the log of `throwover serve`. */
export type CaretakerEvent =
  | {
      readonly event: 'run-taken-over';
      readonly runId: string;
      readonly kind: string;
      readonly way: Way;
    }
  | {
      readonly event: 'run-left';
      readonly runId: string;
      readonly status: RunResult['status'];
      readonly error: string | null;
    }
  | { readonly event: 'halted'; readonly runId: string; readonly reason: string }
  | {
      readonly event: 'adopted';
      readonly service: string;
      readonly epoch: number;
      readonly active: string;
    }
  | LookFailed;

type Way = 'undo' | 'forward';

/**
 * Carries on the runs of one service whose controller is gone, so that a fence is not an outage
 * that lasts until a person types a command. Takes a run back if that is possible, and forward past
 * the point of no return. Begins no run by itself (A8), and does nothing while automation is
 * halted. Ends when the signal is aborted.
 */
export async function caretake(options: {
  service: Operated;
  signal: AbortSignal;
  log: (event: CaretakerEvent) => void;
}): Promise<void> {
  const { service, signal, log } = options;
  const { clock, name } = service;
  const caretaker = new Caretaker(service, log);
  const failed = (error: unknown) =>
    log({ event: 'caretaker-failed', service: name, error: errorLine(error) });
  await every({ clock, pauseMs: lookEveryMs, signal, failed }, () => caretaker.look(signal));
}

class Caretaker {
  readonly #service: Operated;
  readonly #log: (event: CaretakerEvent) => void;
  #pause: { readonly runId: string; readonly ms: number; readonly untilMs: number } | null = null;
  #haltTold: string | null = null;
  #epoch: number | null = null;

  constructor(service: Operated, log: (event: CaretakerEvent) => void) {
    this.#service = service;
    this.#log = log;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { store, name } = this.#service;
    const runId = await this.#openRun();
    if (runId === null || this.#pausing(runId)) return;
    const halt = await store.halt();
    if (halt !== null) {
      if (this.#haltTold !== runId) this.#log({ event: 'halted', runId, reason: halt.reason });
      this.#haltTold = runId;
      return;
    }
    const run = await store.run(runId);
    if (run.service !== name || run.status !== 'running') return;
    await this.#carryOn(run, signal);
  }

  /** Returns the service's open run. Notifies people of an epoch that was opened by hand. */
  async #openRun(): Promise<string | null> {
    const { store, name } = this.#service;
    try {
      const { openRun, epoch, active, openedBy } = await store.service(name);
      if (this.#epoch !== null && epoch > this.#epoch && openedBy === 'adopted') {
        this.#adopted({ service: name, epoch, active });
      }
      this.#epoch = epoch;
      return openRun;
    } catch (error) {
      if (isThrowoverError(error, 'no-such-service')) return null;
      throw error;
    }
  }

  async #carryOn(run: RunState, signal: AbortSignal): Promise<void> {
    const service = this.#service;
    const { runId, kind } = run;
    const carried = carriedOn(service, run);
    const way: Way = forwardKinds.includes(kind) ? 'forward' : 'undo';
    const what = {
      ...carried,
      resumeOf: { runId, force: false },
      leaveSignal: signal,
      // A stop before the run begins: it goes back before the point of no return, forward after it.
      ...(way === 'undo' ? { signal: AbortSignal.abort() } : {}),
    };
    try {
      const result = await unattended(service, what, () =>
        this.#log({ event: 'run-taken-over', runId, kind, way }),
      );
      const { status, error } = result;
      this.#log({ event: 'run-left', runId, status, error: error?.code ?? null });
      this.#settle(runId, status);
    } catch (error) {
      // Its controller is alive, or another one took it over first.
      if (isThrowoverError(error, 'run-in-progress') || isThrowoverError(error, 'run-ended'))
        return;
      this.#settle(runId, 'open');
      throw error;
    }
  }

  #adopted(what: { service: string; epoch: number; active: string }): void {
    const { clock, notifiers } = this.#service;
    const { service, epoch, active } = what;
    this.#log({ event: 'adopted', ...what });
    notifiers.tell({
      kind: 'adopted',
      service,
      runId: null,
      subject: `Adopted: ${active} is active in epoch ${epoch} of ${service}`,
      text: `Somebody promoted ${active} by hand. The other side is kept closed. See \`throwover check\`.`,
      wallMs: clock.wallMs(),
    });
  }

  #pausing(runId: string): boolean {
    if (this.#pause?.runId !== runId) return false;
    return this.#service.clock.monotonicMs() < this.#pause.untilMs;
  }

  /**
   * Notes the result: a run that stays open is taken up again after a growing pause, because the
   * reason may go away.
   */
  #settle(runId: string, status: RunResult['status']): void {
    if (status !== 'open') {
      this.#pause = null;
      return;
    }
    const before = this.#pause?.runId === runId ? this.#pause.ms * 2 : firstPauseMs;
    const ms = Math.min(before, longestPauseMs);
    this.#pause = { runId, ms, untilMs: this.#service.clock.monotonicMs() + ms };
  }
}
