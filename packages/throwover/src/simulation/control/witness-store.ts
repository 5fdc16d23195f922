import type { Random } from '../../kernel/kernel.ts';
import {
  createMemoryStore,
  type MemoryStoreState,
  newMemoryStoreState,
} from '../../store/memory/memory-store.ts';
import {
  type Store,
  type StoreCall,
  storeCalls,
  storeErrors,
  storeThrough,
} from '../../store/store.ts';
import { repeatable } from '../../wire/wire.ts';
import type { History } from '../world/history.ts';
import { type Machine, SimProcess } from '../world/machine.ts';
import { type Address, type Network, request } from '../world/network.ts';
import { service } from './run-policy.ts';

/** Longest time for all retries, ms: as in the remote adapter. */
const repeatForMs = 10_000;
const firstPauseMs = 20;
const longestPauseMs = 500;

/** Calls that write to the disk of the store. */
const writing: ReadonlySet<StoreCall> = new Set<StoreCall>([
  'registerService',
  'beginRun',
  'takeRun',
  'endDamaged',
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

/** `throwover serve`: the in-memory store as a process; its disk survives the process. */
export class WitnessStore implements Address<Store> {
  readonly place: string;
  readonly state: MemoryStoreState = newMemoryStoreState();
  diskFull = false;
  onStart: (() => void) | null = null;
  /**
   * Called for each new process when the rest of the world runs; starts the automatic work of
   * `throwover serve`.
   */
  onServe: ((process: SimProcess, store: Store) => void) | null = null;
  process: SimProcess | null = null;
  second: SimProcess | null = null;
  readonly #machine: Machine;
  readonly #random: Random;
  readonly #history: History;
  #service: Store | null = null;
  readonly #leases = new Map<string, number>();

  constructor(options: { machine: Machine; random: Random; history: History }) {
    this.place = options.machine.name;
    this.#machine = options.machine;
    this.#random = options.random;
    this.#history = options.history;
  }

  start(): void {
    if (this.process?.alive) return;
    const { process, store } = this.#begun();
    this.process = process;
    this.#service = store;
    this.onStart?.();
    this.onServe?.(process, store);
  }

  /** What is on its disk about the service. */
  get known() {
    return this.state.services.get(service)?.state;
  }

  /** Starts another process over the same files; it answers no other process. */
  startSecond(): SimProcess | null {
    if (this.onServe === null || this.second?.alive) return null;
    const { process, store } = this.#begun();
    this.second = process;
    this.onServe(process, store);
    return process;
  }

  #begun() {
    const process = new SimProcess('serve', this.#machine);
    const { state } = this;
    const store = createMemoryStore({ clock: process.clock, random: this.#random, state });
    return { process, store: this.#watched(store) };
  }

  current() {
    const { process } = this;
    if (!process?.alive || this.#service === null) return null;
    return { process, service: this.#service };
  }

  /** Returns the same store with a disk that may be full; the history notes its calls. */
  #watched(store: Store): Store {
    const call = async (name: StoreCall, input: unknown): Promise<unknown> => {
      if (this.diskFull && writing.has(name)) {
        throw storeErrors.make('store-disk-full', 'the disk of the store is full');
      }
      const before = name === 'openEpoch' || name === 'adoptEpoch' ? this.#epochs() : '';
      const answer = await callOf(store, name, input);
      this.#note(name, input, answer, before);
      return answer;
    };
    return storeThrough(call);
  }

  /** Notes until when the controller has the run, whatever a restarted store knows of it. */
  #leased(name: 'beginRun' | 'takeRun' | 'renewRun', input: unknown, answer: unknown): void {
    const { queue, rate } = this.#machine;
    const { leaseMs } = input as { leaseMs: number };
    const { runId } = (name === 'beginRun' ? answer : input) as { runId: string };
    this.#leases.set(runId, queue.nowMs() + leaseMs / rate);
  }

  #epochs(): string {
    return `${this.known?.epoch} ${this.known?.active}`;
  }

  #note(name: StoreCall, input: unknown, answer: unknown, before: string): void {
    const history = this.#history;
    if (name === 'append') {
      const { runId, token, records } = input as Parameters<Store['append']>[0];
      for (const record of records) history.note({ type: 'appended', runId, token, record });
    } else if (name === 'beginRun') {
      const { runId, token } = answer as Awaited<ReturnType<Store['beginRun']>>;
      const { kind, owner, from, to } = input as Parameters<Store['beginRun']>[0];
      history.note({ type: 'run-begun', runId, kind, token, owner, from, to });
    } else if (name === 'takeRun') {
      const { runId, token } = answer as Awaited<ReturnType<Store['takeRun']>>;
      const { owner } = input as Parameters<Store['takeRun']>[0];
      history.note({ type: 'run-taken', runId, token, owner });
      const leftMs = (this.#leases.get(runId) ?? 0) - this.#machine.queue.nowMs();
      if (leftMs > 0) history.note({ type: 'carried-on', runId, by: owner, leftMs });
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
    if (name === 'beginRun' || name === 'takeRun' || name === 'renewRun') {
      this.#leased(name, input, answer);
    }
  }
}

/** Calls the store by the name of a call, with its input. */
export function callOf(store: Store, name: StoreCall, input: unknown): Promise<unknown> {
  return (store[name] as (given: unknown) => Promise<unknown>)(input);
}

/**
 * Returns the store for a process elsewhere: calls are retried where that is safe, as the remote
 * adapter does.
 */
export function storeOver(
  network: Network,
  caller: SimProcess,
  address: Address<Store>,
  limits: { attemptMs?: number; repeatForMs: number } = { repeatForMs },
): Store {
  const { clock } = caller;
  const call = async (name: StoreCall, input: unknown): Promise<unknown> => {
    const startedMs = clock.monotonicMs();
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const again = repeatable(storeCalls[name], input);
      let refused = false;
      try {
        return await request(network, caller, address, (store) => callOf(store, name, input), {
          deadlineMs: limits.attemptMs ?? storeCalls[name].deadlineMs,
          once: !again,
          away: (why) => {
            refused = why === 'refused';
            return new NoAnswer(why);
          },
        });
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
  return storeThrough(call);
}

class NoAnswer extends Error {}
