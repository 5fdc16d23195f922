import { bytesOf, type Position, positionOf } from '@throwover/client';
import { ThrowoverError } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.ts';
import type { Promotion } from '../database-side.ts';
import { defaultTiming } from '../timing.ts';
import { createGuard, type Guard, type GuardPolicy, newGuardMemory } from './guard.ts';
import type {
  DatabaseLook,
  GuardEvent,
  GuardedDatabase,
  GuardMemory,
  MachineTime,
  Peer,
  Witness,
} from './ports.ts';

/** The smallest pair of databases that a guard can be told to handle; messages arrive or do not. */
export type Name = 'east' | 'west';

export class FakeDatabase implements GuardedDatabase {
  readonly region: Name;
  role: DatabaseLook['role'];
  timeline = 1;
  lsn = 100;
  streaming = true;
  open_ = true;
  promotions: Promotion[] = [];
  synchronous = false;
  lag = 0;
  sequences = 0;
  lease: MachineTime | null = null;
  readonly log: string[] = [];
  readonly #now: () => number;
  /** As it starts again, which its data directory says. */
  #was: DatabaseLook['role'] = 'primary';

  constructor(region: Name, role: DatabaseLook['role'], now: () => number) {
    this.region = region;
    this.role = role;
    this.#now = now;
  }

  get position(): Position {
    return positionOf(this.timeline, `0/${this.lsn.toString(16)}`);
  }

  async look(): Promise<DatabaseLook> {
    const { role, timeline, position, synchronous, promotions } = this;
    const stopped = role === 'stopped';
    return {
      role,
      version: stopped ? null : '18.4',
      sessions: 0,
      position: stopped ? null : position,
      received: stopped ? null : position,
      streaming: role === 'standby' && this.streaming,
      standby:
        role === 'primary' && this.streaming
          ? { lagMs: 0, lagBytes: this.lag, state: 'streaming' }
          : null,
      parity: {},
      timeline: stopped ? null : timeline,
      promotions: [...promotions].sort((a, b) => b.epoch - a.epoch),
      synchronous,
    };
  }
  async startClosed() {
    this.log.push('start closed');
    this.open_ = false;
    if (this.role === 'stopped') this.role = this.#was;
  }
  async stop() {
    if (this.role !== 'stopped') this.#was = this.role;
    this.role = 'stopped';
  }
  async checkpoint() {}
  async prewarm() {
    return { bytes: 0, by: 'nothing' };
  }
  async close() {
    this.log.push('close');
    this.open_ = false;
    return this.role === 'primary' ? this.position : null;
  }
  async open() {
    this.log.push('open');
    this.open_ = true;
  }
  async promote() {
    this.log.push('promote');
    const switchPosition = this.position;
    const was = this.role;
    this.role = 'primary';
    if (was === 'standby') this.timeline += 1;
    return { timeline: this.timeline, switchPosition, nextXid: '7' };
  }
  async recordPromotion(promotion: Promotion) {
    this.log.push('record');
    if (!this.promotions.some(({ epoch }) => epoch === promotion.epoch)) {
      this.promotions.push(promotion);
    }
  }
  async advanceSequences(by: number) {
    this.log.push('sequences');
    this.sequences += by;
  }
  async salvage() {
    return { state: 'complete', losses: [], blind: [] } as const;
  }
  async follow({ mayRun }: Parameters<GuardedDatabase['follow']>[0]) {
    await mayRun(true);
    this.role = 'standby';
    this.#was = 'standby';
    return { way: 'as-is', bytesCopied: 0 } as const;
  }
  machineTime(): MachineTime {
    return { wallMs: this.#now(), bootMs: this.#now() };
  }
  async extendLease(until: MachineTime) {
    this.lease = until;
  }
  async endLease() {
    this.lease = null;
  }
  async setSynchronous(on: boolean) {
    this.log.push(`synchronous ${on}`);
    this.synchronous = on;
  }

  /** Whether a statement would be let through now. */
  writable(strict = false): boolean {
    if (this.role !== 'primary' || !this.open_) return false;
    return !strict || (this.lease !== null && this.#now() < this.lease.bootMs);
  }
}

/** The next call of this fails: before its effect, or after it with its answer lost. */
export function failOnce(
  database: FakeDatabase,
  call: 'look' | 'open' | 'close' | 'promote' | 'follow' | 'recordPromotion' | 'setSynchronous',
  when: 'before' | 'after' = 'before',
): void {
  const real: (...input: never[]) => Promise<unknown> = database[call];
  const failing = async (...input: never[]) => {
    Object.assign(database, { [call]: real });
    if (when === 'after') await real.apply(database, input);
    throw away('database-unreachable');
  };
  Object.assign(database, { [call]: failing });
}

const away = (code: string) =>
  new ThrowoverError(code, { disposition: 'retry', notLost: '', remedy: '' }, 'no answer');

export function pairOfGuards(policy: Partial<GuardPolicy> = {}) {
  const clock = createVirtualClock();
  const now = () => clock.monotonicMs();
  const databases = {
    east: new FakeDatabase('east', 'primary', now),
    west: new FakeDatabase('west', 'standby', now),
  };
  const disks: Record<Name, GuardMemory> = {
    east: { ...newGuardMemory(), known: { epoch: 1, active: 'east' } },
    west: { ...newGuardMemory(), known: { epoch: 1, active: 'east' } },
  };
  const events: GuardEvent[] = [];
  /** How long an answer of the other guard takes, and how long a store that is away leaves a question open. */
  const link = { peers: true, store: true, peerMs: 0, silentMs: 0 };
  const store = { epoch: 1, active: 'east', stopped: false, adopted: 0 };
  const guards = {} as Record<Name, Guard>;
  const other = (name: Name): Name => (name === 'east' ? 'west' : 'east');

  const peerOf = (name: Name): Peer => {
    const ask = async <T>(work: (guard: Guard) => Promise<T>): Promise<T> => {
      if (link.peerMs > 0) await clock.sleep(link.peerMs);
      if (!link.peers) throw away('peer-away');
      return work(guards[other(name)]);
    };
    return {
      region: other(name),
      word: (known) => ask((guard) => guard.word(known)),
      renounce: (token) => ask((guard) => guard.renounceForPeer(token)),
      promise: (input) => ask((guard) => guard.promise(input)),
      recordSync: (record) => ask((guard) => guard.recordPeerSync(record)),
    };
  };
  const heard = async () => {
    if (link.store) return;
    if (link.silentMs > 0) await clock.sleep(link.silentMs);
    throw away('store-away');
  };
  const witness: Witness = {
    newestEpoch: async () => {
      await heard();
      return { epoch: store.epoch, active: store.active };
    },
    renewWriter: async ({ region, epoch }) => {
      await heard();
      const { active } = store;
      if (region === active && epoch === store.epoch && !store.stopped) return { kind: 'granted' };
      return { kind: 'refused', why: 'no', known: { epoch: store.epoch, active } };
    },
    recordSync: async () => heard(),
    adoptEpoch: async ({ epoch, active }) => {
      await heard();
      Object.assign(store, { epoch, active, adopted: store.adopted + 1 });
      return { epoch, active };
    },
  };
  const make = (name: Name): Guard =>
    createGuard({
      region: name,
      clock,
      database: databases[name],
      keep: {
        get current() {
          return disks[name];
        },
        change: async (part) => {
          disks[name] = { ...disks[name], ...part };
        },
      },
      peer: peerOf(name),
      witness,
      policy: {
        writerFence: 'available',
        durability: 'asynchronous',
        timing: defaultTiming,
        ...policy,
      },
      onEvent: (event) => events.push(event),
    });
  guards.east = make('east');
  guards.west = make('west');
  return {
    clock,
    databases,
    disks,
    events,
    link,
    store,
    guards,
    /** The process ends and is started again: its memory on disk stays. */
    restart: (name: Name) => {
      guards[name] = make(name);
      return guards[name];
    },
    /** Both watch until aborted; time passes by the clock. */
    watch: () => {
      const ending = new AbortController();
      const loops = [guards.east.run(ending.signal), guards.west.run(ending.signal)];
      return async () => {
        ending.abort();
        await clock.until(Promise.all(loops));
      };
    },
    /** Everything that east wrote is in west. */
    replicate: () => {
      databases.west.lsn = Number(bytesOf(databases.east.position));
    },
  };
}
