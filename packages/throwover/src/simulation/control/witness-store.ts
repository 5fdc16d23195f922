import type { Random } from '../../kernel/kernel.ts';
import { storeErrors } from '../../store/errors.ts';
import {
  createMemoryStore,
  type MemoryStoreState,
  newMemoryStoreState,
} from '../../store/memory/memory-store.ts';
import type { Store } from '../../store/store.ts';
import { type Call, callNames, repeatable } from '../../store/wire.ts';
import type { History } from '../world/history.ts';
import { type Machine, SimProcess } from '../world/machine.ts';
import { type Address, type Network, request } from '../world/network.ts';

/** Longest time for one attempt, and for repeating one, ms: as the remote adapter has them. */
const attemptMs = 3_000;
const repeatForMs = 10_000;
const firstPauseMs = 20;
const longestPauseMs = 500;

/** Calls that write to the disk of the store. */
const writing: ReadonlySet<Call> = new Set<Call>([
  'registerService',
  'beginRun',
  'takeRun',
  'append',
  'openEpoch',
  'adoptEpoch',
  'expireWriter',
  'restoreWriter',
  'recordSync',
  'setHalt',
  'addLosses',
  'resolveLoss',
]);

/** `throwover serve`: the in-memory store as a process whose disk outlives it. */
export class WitnessStore implements Address<Store> {
  readonly place: string;
  readonly state: MemoryStoreState = newMemoryStoreState();
  diskFull = false;
  onStart: (() => void) | null = null;
  process: SimProcess | null = null;
  readonly #machine: Machine;
  readonly #random: Random;
  readonly #history: History;
  #service: Store | null = null;

  constructor(options: { machine: Machine; random: Random; history: History }) {
    this.place = options.machine.name;
    this.#machine = options.machine;
    this.#random = options.random;
    this.#history = options.history;
  }

  start(): void {
    if (this.process?.alive) return;
    const process = new SimProcess('serve', this.#machine);
    this.process = process;
    const store = createMemoryStore({
      clock: process.clock,
      random: this.#random,
      state: this.state,
    });
    this.#service = this.#watched(store);
    this.onStart?.();
  }

  dark(): boolean {
    return false;
  }

  current() {
    const { process } = this;
    if (!process?.alive || this.#service === null) return null;
    return { process, service: this.#service };
  }

  /** The same store, with a disk that may be full, and noted by the history. */
  #watched(store: Store): Store {
    const call = async (name: Call, input: unknown): Promise<unknown> => {
      if (this.diskFull && writing.has(name)) {
        throw storeErrors.make('store-disk-full', 'the disk of the store is full');
      }
      const before = name === 'openEpoch' || name === 'adoptEpoch' ? this.#epochs() : '';
      const answer: unknown = await (store[name] as (given: unknown) => Promise<unknown>)(input);
      this.#note(name, input, answer, before);
      return answer;
    };
    return Object.fromEntries(
      callNames.map((name) => [name, (input: unknown) => call(name, input)]),
    ) as unknown as Store;
  }

  #epochs(): string {
    return [...this.state.services.values()]
      .map(({ state }) => `${state.epoch} ${state.active}`)
      .join();
  }

  #note(name: Call, input: unknown, answer: unknown, before: string): void {
    const history = this.#history;
    if (name === 'append') {
      const { runId, token, records } = input as Parameters<Store['append']>[0];
      for (const record of records) history.note({ type: 'appended', runId, token, record });
    } else if (name === 'beginRun') {
      const { runId, token } = answer as Awaited<ReturnType<Store['beginRun']>>;
      const { kind } = input as Parameters<Store['beginRun']>[0];
      history.note({ type: 'run-begun', runId, kind, token });
    } else if (name === 'takeRun') {
      const { runId, token } = answer as Awaited<ReturnType<Store['takeRun']>>;
      history.note({ type: 'run-taken', runId, token });
    } else if (name === 'recordSync') {
      const { epoch, inSync, position } = input as Parameters<Store['recordSync']>[0];
      history.note({ type: 'sync-recorded', at: 'store', epoch, inSync, position });
    } else if (before !== '' && before !== this.#epochs()) {
      const { epoch, active } = input as Parameters<Store['openEpoch']>[0];
      history.note({ type: 'epoch-opened', epoch, active, by: name });
    } else if (name === 'expireWriter') {
      const { expiresInMs, epoch } = answer as Awaited<ReturnType<Store['expireWriter']>>;
      history.note({ type: 'expiry-asked', epoch, leftMs: expiresInMs });
    }
  }
}

/** The store as a process elsewhere has it: repeated where that is the same call, as the remote adapter does. */
export function storeOver(
  network: Network,
  caller: SimProcess,
  address: Address<Store>,
  limits: { attemptMs: number; repeatForMs: number } = { attemptMs, repeatForMs },
): Store {
  const { clock } = caller;
  const call = async (name: Call, input: unknown): Promise<unknown> => {
    const startedMs = clock.monotonicMs();
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const again = repeatable(name, input);
      let refused = false;
      try {
        return await request(
          network,
          caller,
          address,
          (store) => (store[name] as (given: unknown) => Promise<unknown>)(input),
          {
            deadlineMs: limits.attemptMs,
            once: !again,
            away: (why) => {
              refused = why === 'refused';
              return new NoAnswer(why);
            },
          },
        );
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        const elapsedMs = clock.monotonicMs() - startedMs;
        if (!(again || refused) || elapsedMs + pauseMs >= limits.repeatForMs) {
          throw storeErrors.make('store-away', `no answer from the store (${error.message})`, {
            call: name,
          });
        }
      }
      await clock.sleep(pauseMs);
    }
  };
  return Object.fromEntries(
    callNames.map((name) => [name, (input: unknown) => call(name, input)]),
  ) as unknown as Store;
}

class NoAnswer extends Error {}
