import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Clock, noAnswer, within } from 'throwover/kernel';
import type { FromInstance, FunctionError, ToInstance } from './messages.ts';

const runtimeFile = fileURLToPath(new URL('./runtime.ts', import.meta.url));

/**
 * The outcome of an invocation. `error`: the function failed or its environment died; `initMs` when
 * it was cold.
 */
export type Outcome =
  | { readonly kind: 'answer'; readonly payload: string }
  | { readonly kind: 'error'; readonly error: FunctionError };

type State =
  | { readonly name: 'starting' }
  | { readonly name: 'idle'; readonly sinceMs: number }
  | { readonly name: 'claimed' }
  | {
      readonly name: 'busy';
      readonly requestId: string;
      readonly settle: (outcome: Outcome) => void;
    }
  | { readonly name: 'dead'; readonly error: FunctionError };

export interface InstanceOptions {
  readonly version: string;
  /** Qualifier for which it was provisioned; `null` when a request started it. */
  readonly provisionedFor: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly initTimeoutMs: number;
  readonly clock: Clock;
  readonly onDeath: (instance: Instance) => void;
}

/**
 * One execution environment: a child process that handles one request at a time. starting -> idle
 * -> claimed -> busy -> idle; any -> dead, which is final. An instance that a request started is
 * claimed by it from the beginning; `claim` keeps two requests from taking the same idle instance.
 * It dies when its process ends, when its start fails or takes too long, and when an invocation
 * exceeds the function's timeout.
 */
export class Instance {
  readonly version: string;
  readonly provisionedFor: string | null;
  /** Resolves with `null` when it can take a request, with the error when its start failed. */
  readonly started: Promise<FunctionError | null>;
  /** Resolves when its process is gone. */
  readonly ended: Promise<void>;
  #state: State = { name: 'starting' };
  #initMs: number | null = null;
  #told = false;
  readonly #child: ChildProcess;
  readonly #options: InstanceOptions;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.version = options.version;
    this.provisionedFor = options.provisionedFor;
    const beganMs = options.clock.monotonicMs();
    this.#child = spawn(process.execPath, ['--conditions=throwover-source', runtimeFile], {
      env: { ...options.env },
      // The function's output goes to the log (stderr of the pool), never to its stdout.
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    const started = new Promise<FunctionError | null>((resolve) => {
      const settle = (error: FunctionError | null) => {
        if (error === null && this.#state.name === 'starting') {
          this.#initMs = options.clock.monotonicMs() - beganMs;
          this.#state =
            options.provisionedFor === null
              ? { name: 'claimed' }
              : { name: 'idle', sinceMs: options.clock.monotonicMs() };
        }
        resolve(error);
      };
      this.#child.on('message', (message: FromInstance) => {
        if (message.type === 'ready') settle(null);
        else if (message.type === 'init-failed') settle(message.error);
        else this.#finish(message);
      });
      this.#child.once('exit', (code, signal) => {
        settle(exitError(code, signal));
        this.#die(exitError(code, signal));
      });
      this.#child.once('error', (error) => {
        settle({ errorType: 'Runtime.StartError', errorMessage: error.message });
        this.#die({ errorType: 'Runtime.StartError', errorMessage: error.message });
      });
    });
    this.started = within(options.clock, options.initTimeoutMs, started).then((outcome) => {
      if (outcome !== noAnswer) return outcome;
      this.end();
      return timedOut(`the start took longer than ${options.initTimeoutMs} ms`);
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  get state(): State['name'] {
    return this.#state.name;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Duration of its start: spawn, module load, the handler's own top-level code. `null` while it
   * starts.
   */
  get initMs(): number | null {
    return this.#initMs;
  }

  /** Time since its last request, ms; 0 unless it is idle. */
  idleMs(): number {
    return this.#state.name === 'idle'
      ? this.#options.clock.monotonicMs() - this.#state.sinceMs
      : 0;
  }

  /** Takes an idle instance for one request, which must `run` then. */
  claim(): void {
    if (this.#state.name !== 'idle') throw new Error(`instance is ${this.#state.name}, not idle`);
    this.#state = { name: 'claimed' };
  }

  /** Runs the request that has claimed it. */
  async run(requestId: string, payload: string): Promise<Outcome> {
    if (this.#state.name === 'dead') return { kind: 'error', error: this.#state.error };
    if (this.#state.name !== 'claimed') throw new Error(`instance is ${this.#state.name}`);
    const { clock, timeoutMs } = this.#options;
    const answer = new Promise<Outcome>((settle) => {
      this.#state = { name: 'busy', requestId, settle };
      const message: ToInstance = { type: 'invoke', requestId, payload };
      this.#child.send(message, (error) => {
        if (error) this.end();
      });
    });
    const outcome = await within(clock, timeoutMs, answer);
    if (outcome !== noAnswer) return outcome;
    this.end();
    const error = timedOut(`Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`);
    return { kind: 'error', error };
  }

  /** Whether it was ended on purpose. */
  get told(): boolean {
    return this.#told;
  }

  /** Ends the process at once, even during a request. */
  end(): void {
    this.#told = true;
    this.#child.kill('SIGKILL');
  }

  #finish(message: Extract<FromInstance, { requestId: string }>): void {
    if (this.#state.name !== 'busy' || this.#state.requestId !== message.requestId) return;
    const { settle } = this.#state;
    this.#state = { name: 'idle', sinceMs: this.#options.clock.monotonicMs() };
    settle(
      message.type === 'answer'
        ? { kind: 'answer', payload: message.payload }
        : { kind: 'error', error: message.error },
    );
  }

  #die(error: FunctionError): void {
    const before = this.#state;
    if (before.name === 'dead') return;
    this.#state = { name: 'dead', error };
    if (before.name === 'busy') before.settle({ kind: 'error', error });
    this.#options.onDeath(this);
  }
}

const timedOut = (errorMessage: string): FunctionError => ({
  errorType: 'Sandbox.Timedout',
  errorMessage,
});

function exitError(code: number | null, signal: NodeJS.Signals | null): FunctionError {
  const how = signal === null ? `exit status ${code}` : `signal: ${signal}`;
  return { errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with error: ${how}` };
}
