import {
  type GuardMemory,
  type Keep,
  type Peer,
  type RunCommand,
  storeWitness,
  type Witness,
} from '../../authority/authority.ts';
import { createGuard, type Guard, type GuardPolicy } from '../../authority/guard/guard.ts';
import { isThrowoverError } from '../../kernel/kernel.ts';
import type { Store } from '../../store/store.ts';
import { ModelDoor } from '../application/door.ts';
import { type Deliver, ModelGateway } from '../application/gateway.ts';
import { guardedServer } from '../database/guarded.ts';
import type { Server } from '../database/server.ts';
import { modelErrors } from '../model-errors.ts';
import type { Common } from '../world/common.ts';
import { type Machine, SimProcess } from '../world/machine.ts';
import { type Address, type LocalFaults, local, request } from '../world/network.ts';
import { storeOver } from './witness-store.ts';

/**
 * The name of the run of a stranger's commands: they are refused, so they are not part of the
 * history.
 */
export const strangerRun = 'run of a stranger';

/** How long a supervisor waits before it starts a process again, ms. */
const supervisorMs = 700;

export interface SiteOptions extends Common {
  readonly region: string;
  readonly service: string;
  readonly server: Server;
  readonly disk: LocalFaults;
  readonly policy: GuardPolicy;
  readonly memory: GuardMemory;
  readonly active: string;
  readonly store: Address<Store>;
  readonly deliver: Deliver;
}

/**
 * One region: a machine with a database, a guard that its supervisor restarts, a door, a gateway.
 */
export class Site {
  readonly name: string;
  readonly machine: Machine;
  readonly server: Server;
  readonly door: ModelDoor;
  readonly gateway: ModelGateway;
  /** Off until it is started again: killed permanently, or without power. */
  off = false;
  diskFull = false;
  /** The guard's disk. */
  memory: GuardMemory;
  peer: Site | null = null;
  serverOf: (region: string) => Server = () => this.server;
  #guard: { process: SimProcess; guard: Guard; watched: Guard } | null = null;
  readonly #options: SiteOptions;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.name = options.region;
    this.machine = options.server.machine;
    this.server = options.server;
    this.memory = options.memory;
    this.door = new ModelDoor(
      options.region,
      () => options.queue.nowMs(),
      ({ mode, epoch }) =>
        options.history.note({ type: 'door', region: options.region, mode, epoch }),
    );
    this.address = {
      place: this.machine.name,
      dark: () => this.off,
      current: () => this.#current(),
    };
    this.gateway = new ModelGateway({ ...options, machine: this.machine });
  }

  /** The guard's address for callers over the network. */
  readonly address: Address<Guard>;

  /** Returns the process of door and gateway: data path, alive as long as the machine. */
  dataPath(): SimProcess {
    if (this.#dataPath?.alive !== true) {
      this.#dataPath = new SimProcess(`${this.name}/door`, this.machine);
    }
    return this.#dataPath;
  }
  #dataPath: SimProcess | null = null;

  get guardProcess(): SimProcess | null {
    return this.#guard?.process ?? null;
  }

  #current() {
    const running = this.#guard;
    if (this.off || !running?.process.alive) return null;
    return { process: running.process, service: running.watched };
  }

  /** Starts the guard now, and again each time it ends. */
  startGuard(): void {
    if (this.off || this.#guard?.process.alive) return;
    const { history, policy, queue, random } = this.#options;
    const process = new SimProcess(`${this.name}/guard`, this.machine);
    const guard = createGuard({
      service: this.#options.service,
      region: this.name,
      clock: process.clock,
      database: guardedServer({
        server: this.server,
        process,
        random,
        faults: this.#options.disk,
        serverOf: this.serverOf,
      }),
      keep: this.#keep(process),
      peer: this.#peerFrom(process),
      witness: this.#witnessFrom(process),
      policy,
      onEvent: (event) => {
        if (process.alive) history.note({ type: 'guard', region: this.name, event });
      },
    });
    this.#guard = { process, guard, watched: this.#watched(process, guard) };
    process.onEnd(() => {
      if (!this.off) queue.after(supervisorMs * (0.5 + random.next()), () => this.startGuard());
    });
    void this.#life(process, guard);
  }

  /** kill -9 of everything here, which stays down until `bringBack`. */
  lose(): void {
    this.off = true;
    this.machine.powerCycle();
    this.#options.history.note({ type: 'crashed', region: this.name });
  }

  bringBack(): void {
    if (!this.off) return;
    this.off = false;
    this.startGuard();
    this.door.restart();
    this.gateway.restart();
  }

  async #life(process: SimProcess, guard: Guard): Promise<void> {
    const { history } = this.#options;
    try {
      await guard.start();
      await guard.run(new AbortController().signal);
    } catch (error) {
      if (!process.alive) return;
      if (!isThrowoverError(error)) history.note(bug(`${this.name}/guard`, error));
      process.kill();
    }
  }

  #keep(process: SimProcess): Keep {
    const site = this;
    const { random, disk, history } = this.#options;
    return {
      get current() {
        return site.memory;
      },
      change: async (part) => {
        await local(process, random, disk, () => {
          if (site.diskFull)
            throw modelErrors.make('disk-full', `the disk of ${site.name} is full`);
          site.memory = { ...site.memory, ...part };
          history.mix(JSON.stringify(part));
          if (part.peerSync) {
            const { epoch, inSync, position } = part.peerSync;
            history.note({ type: 'sync-recorded', at: 'peer', epoch, inSync, position });
          }
        });
      },
    };
  }

  #witnessFrom(process: SimProcess): Witness {
    const { network, store, service, policy } = this.#options;
    const deadlineMs = policy.timing.witnessDeadlineMs;
    const witness = storeWitness({
      store: storeOver(network, process, store, { attemptMs: deadlineMs, repeatForMs: deadlineMs }),
      service,
      clock: process.clock,
    });
    return {
      ...witness,
      newestEpoch: async () => {
        const known = await witness.newestEpoch();
        this.#heard('store');
        return known;
      },
    };
  }

  /** Notes who answered, while the database waits to be opened. */
  #heard(from: 'store' | 'peer'): void {
    if (this.memory.closed === null) return;
    this.#options.history.note({ type: 'heard', region: this.name, from });
  }

  #peerFrom(process: SimProcess): Peer {
    const { network, policy } = this.#options;
    const ask = <T>(work: (guard: Guard) => Promise<T>) => {
      const { peer } = this;
      if (peer === null) throw new Error('a region without a peer');
      return request(network, process, peer.address, work, {
        deadlineMs: policy.timing.peerDeadlineMs,
        away: (why) =>
          modelErrors.make('peer-away', `${peer.name}'s guard does not answer (${why})`),
      });
    };
    return {
      region: this.peer?.name ?? '',
      word: async (input) => {
        const word = await ask((guard) => guard.word(input));
        this.#heard('peer');
        return word;
      },
      renounce: async (input) => {
        const answer = await ask((guard) => guard.renounceForPeer(input));
        this.#heard('peer');
        return answer;
      },
      promise: (input) => ask((guard) => guard.promise(input)),
      recordSync: (input) => ask((guard) => guard.recordPeerSync(input)),
    };
  }

  /** Notes the start and end of each command; an error that a user cannot cause is a bug. */
  #watched(process: SimProcess, guard: Guard): Guard {
    const { history } = this.#options;
    return new Proxy(guard, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return async (...given: unknown[]) => {
          const token = tokenOf(given[0]);
          const command = token !== null && typeof name === 'string';
          const begunMs = this.#options.queue.nowMs();
          if (command) {
            history.note({ type: 'command', region: this.name, name, token, detail: given[0] });
          }
          const ended = (error: string | null) => {
            if (!command) return;
            history.note({ type: 'command-ended', region: this.name, name, token, begunMs, error });
          };
          // Nobody replaces the data directory between the guard's look and its effect: the real
          // guard compares once more before it replaces anything.
          if (name === 'attach') this.server.attaching = true;
          try {
            const answer: unknown = await Reflect.apply(method, target, given);
            if (process.alive) ended(null);
            return answer;
          } catch (error) {
            if (process.alive) {
              if (isThrowoverError(error)) ended(error.code);
              else history.note(bug(`${this.name}/${String(name)}`, error));
            }
            throw error;
          } finally {
            if (name === 'attach') this.server.attaching = false;
          }
        };
      },
    });
  }
}

export function bug(where: string, error: unknown) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { type: 'bug', where, error: text } as const;
}

function tokenOf(given: unknown): number | null {
  if (typeof given !== 'object' || given === null || !('token' in given)) return null;
  if ((given as Partial<RunCommand>).scope?.run === strangerRun) return null;
  return typeof given.token === 'number' ? given.token : null;
}
