import type { Clock, EventQueue, Scheduled } from '../../kernel/kernel.ts';

/** Wall time at the beginning of every simulation: 2026-01-01T00:00:00Z. */
const startWallMs = 1_767_225_600_000;

/** Shortest time of a timer, ms: a wait that rounds to 0 must not stop time. */
const shortestMs = 0.001;

/**
 * A machine with its own clocks, and with processes that end, freeze or sleep with it.
 *
 * It has three clocks, as on Linux. Monotonic: runs at `rate` and stands still while the machine
 * sleeps. Boot: the same, but continues during sleep. Wall: boot time and an offset that may jump.
 */
export class Machine {
  readonly name: string;
  readonly queue: EventQueue;
  /** Rate of its clock: 1.004 runs 0.4 % fast. */
  readonly rate: number;
  readonly processes = new Set<SimProcess>();
  #wallOffsetMs: number;
  #bootedMs: number;
  #sleptMs = 0;
  #stillSinceMs: number | null = null;
  #asleep = false;

  constructor(options: { name: string; queue: EventQueue; rate: number; wallOffsetMs: number }) {
    this.name = options.name;
    this.queue = options.queue;
    this.rate = options.rate;
    this.#wallOffsetMs = options.wallOffsetMs;
    this.#bootedMs = options.queue.nowMs();
  }

  get still(): boolean {
    return this.#stillSinceMs !== null;
  }
  bootMs(): number {
    return (this.queue.nowMs() - this.#bootedMs) * this.rate;
  }
  monotonicMs(): number {
    const sleepingMs =
      this.#asleep && this.#stillSinceMs !== null ? this.queue.nowMs() - this.#stillSinceMs : 0;
    return this.bootMs() - (this.#sleptMs + sleepingMs) * this.rate;
  }
  wallMs(): number {
    return startWallMs + this.queue.nowMs() * this.rate + this.#wallOffsetMs;
  }
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Stops everything on it until `resume`. `asleep`: its monotonic clock stands still too. */
  stand(how: 'frozen' | 'asleep'): void {
    if (this.still) return;
    this.#stillSinceMs = this.queue.nowMs();
    this.#asleep = how === 'asleep';
  }
  resume(): void {
    if (this.#stillSinceMs === null) return;
    if (this.#asleep) this.#sleptMs += this.queue.nowMs() - this.#stillSinceMs;
    this.#stillSinceMs = null;
    this.#asleep = false;
    for (const process of [...this.processes]) process.catchUp();
  }
  /** Power loss: every process is gone, and the boot clock begins again. */
  powerCycle(): void {
    this.resume();
    for (const process of [...this.processes]) process.kill();
    this.#bootedMs = this.queue.nowMs();
    this.#sleptMs = 0;
  }
}

/**
 * A process. Everything that it waits for arrives through `deliver`: so a killed process continues
 * nowhere, at any await, and a stopped one continues later from where it was.
 */
export class SimProcess {
  readonly name: string;
  readonly machine: Machine;
  readonly clock: Clock;
  #alive = true;
  #stopped = false;
  #waiting: (() => void)[] = [];
  #onEnd: (() => void)[] = [];
  /** Steps until it dies; `null`: never. */
  #stepsLeft: number | null = null;

  constructor(name: string, machine: Machine) {
    this.name = name;
    this.machine = machine;
    machine.processes.add(this);
    this.clock = {
      wallMs: () => machine.wallMs(),
      monotonicMs: () => machine.monotonicMs(),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }
  get still(): boolean {
    return this.#stopped || this.machine.still;
  }
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#waiting = [];
    this.machine.processes.delete(this);
    for (const end of this.#onEnd) end();
  }
  onEnd(then: () => void): void {
    this.#onEnd.push(then);
  }
  /** SIGSTOP and SIGCONT. */
  stop(): void {
    this.#stopped = true;
  }
  continue(): void {
    this.#stopped = false;
    this.catchUp();
  }
  /**
   * Lets it die after this number of further steps: calls of a port, before or after their effect.
   */
  dieIn(steps: number): void {
    this.#stepsLeft = steps;
  }
  /** Takes one step; false when the process is gone. */
  step(): boolean {
    if (this.#alive && this.#stepsLeft !== null) {
      this.#stepsLeft -= 1;
      if (this.#stepsLeft < 0) this.kill();
    }
    return this.#alive;
  }
  deliver(run: () => void): void {
    if (!this.#alive) return;
    if (this.still) this.#waiting.push(run);
    else run();
  }
  /** Delivers what arrived while it stood still, in order. */
  catchUp(): void {
    if (this.still) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) this.machine.queue.after(0, () => this.deliver(run));
  }

  /** Calls `run` after `ms` on this process's monotonic clock. */
  timer(ms: number, run: () => void): Scheduled {
    return new Timer(this, ms > 0 ? Math.max(ms, shortestMs) : 0, run);
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.timer(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

/** A timer on the monotonic clock of a process's machine. */
class Timer implements Scheduled {
  readonly #process: SimProcess;
  readonly #dueMs: number;
  #run: (() => void) | null;
  #scheduled: Scheduled;

  constructor(process: SimProcess, waitMs: number, run: () => void) {
    const { machine } = process;
    this.#process = process;
    this.#dueMs = machine.monotonicMs() + waitMs;
    this.#run = run;
    this.#scheduled = this.#after(waitMs);
  }

  cancel(): void {
    this.#run = null;
    this.#scheduled.cancel();
  }

  #after(ms: number): Scheduled {
    const { machine } = this.#process;
    return machine.queue.after(ms / machine.rate, () => this.#process.deliver(this.#due));
  }

  readonly #due = () => {
    const leftMs = this.#dueMs - this.#process.machine.monotonicMs();
    // On a machine that slept, timers are due later.
    if (leftMs > 1e-6) this.#scheduled = this.#after(leftMs);
    else this.#run?.();
  };
}
