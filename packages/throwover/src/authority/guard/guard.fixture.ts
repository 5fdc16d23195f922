import { bytesOf, type Position, positionOf } from '@throwover/client';
import { ThrowoverError } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import type {
  ClusterMemory,
  ClusterSight,
  GuardMemory,
  Pair,
  Promotion,
  RunCommand,
} from '../messages.ts';
import { defaultTiming } from '../timing.ts';
import { createGuard, type Guard, type GuardPolicy, newGuardMemory } from './guard.ts';
import type {
  DatabaseLook,
  DoorLook,
  GuardEvent,
  GuardedDatabase,
  MachineTime,
  Peer,
  Witness,
} from './ports.ts';
import { isSideRow } from './side.ts';

/**
 * The smallest pair of databases that a guard can handle, with links that deliver messages or drop
 * them.
 */
export type Name = 'east' | 'west';

/** Includes a third region that belongs to no pair. */
export type Place = Name | 'north';

/** The pair that the other guard names when it asks. */
export const eastAsks: Pair = { service: 'checkout', from: 'east', to: 'west' };

/** The scope and token of a command of the one run with this token. */
export function ofRun(token: number, to: Name = 'west'): RunCommand {
  const from = to === 'west' ? 'east' : 'west';
  return { scope: { service: 'checkout', run: `run-${token}`, from, to }, token };
}

export class FakeDatabase implements GuardedDatabase {
  readonly region: Place;
  role: DatabaseLook['role'];
  timeline = 1;
  lsn = 100;
  streaming = true;
  open_ = true;
  /** The rules on disk, and the sessions. */
  rulesOpen = true;
  sessions = 0;
  changes = 0;
  loads = 0;
  tries = 0;
  promotions: Promotion[] = [];
  synchronous = false;
  lag = 0;
  sequences = 0;
  lease: MachineTime | null = null;
  identifier = '7001';
  /** Where earlier timelines ended. */
  left: Position[] = [];
  /** The cluster that `follow` follows; the pair sets it. */
  promotedSinceStart = false;
  upstream: () => ClusterSight = () => this.cluster;
  readonly log: string[] = [];
  readonly #now: () => number;
  /** The role that it starts again with, as its data directory says. */
  #was: DatabaseLook['role'] = 'primary';

  constructor(region: Place, role: DatabaseLook['role'], now: () => number) {
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
      sessions: this.sessions,
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
      promotedSinceStart: this.promotedSinceStart,
      synchronous,
      cluster: this.cluster,
    };
  }
  get cluster(): ClusterSight {
    const { identifier, timeline, left } = this;
    return { identifier, timeline, left };
  }
  async upstreamCluster() {
    return this.upstream();
  }
  async lookAtDoor(): Promise<DoorLook | null> {
    if (this.role === 'stopped') return null;
    return {
      admitted: this.rulesOpen ? ['app'] : [],
      refused: this.rulesOpen ? [] : ['app'],
      sessions: this.sessions,
      unreadable: null,
      rules: String(this.changes),
      loaded: String(this.loads),
    };
  }
  async tryDoor() {
    this.tries += 1;
    return this.open_ ? ('admitted' as const) : ('refused' as const);
  }
  /** Another program writes the file; `loads`: the server reads it. */
  writeRules(open: boolean, { loads = true } = {}) {
    this.rulesOpen = open;
    this.changes += 1;
    if (loads) this.load();
  }
  load() {
    this.open_ = this.rulesOpen;
    this.loads += 1;
  }
  async startClosed() {
    this.log.push('start closed');
    this.writeRules(false);
    if (this.role === 'stopped') this.role = this.#was;
    this.promotedSinceStart = false;
  }
  /** A person does it: no guard is asked. */
  promoteByHand() {
    this.role = 'primary';
    this.timeline += 1;
    this.promotedSinceStart = true;
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
    if (this.rulesOpen) this.writeRules(false);
    else this.load();
    this.sessions = 0;
    return this.role === 'primary' ? this.position : null;
  }
  async open() {
    this.log.push('open');
    if (!this.rulesOpen || !this.open_) this.writeRules(true);
  }
  async promote() {
    this.log.push('promote');
    const switchPosition = this.position;
    const was = this.role;
    this.role = 'primary';
    if (was === 'standby') {
      this.timeline += 1;
      this.left = [...this.left, switchPosition];
    }
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

  /** Whether a statement would be accepted now. */
  writable(strict = false): boolean {
    if (this.role !== 'primary' || !this.open_) return false;
    return !strict || (this.lease !== null && this.#now() < this.lease.bootMs);
  }
}

/** The next call of this method fails: before its effect, or after it with its answer lost. */
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

/** The two guards have agreed on this cluster once, on its first timeline. */
export function agreed(identifier: string): ClusterMemory {
  const by = { kind: 'both', wallMs: 0 } as const;
  return {
    agreed: { identifier, timeline: 1, left: [], upTo: null, by },
    peer: null,
    streamedFrom: null,
  };
}

const away = (code: string) =>
  new ThrowoverError(code, { disposition: 'retry', notLost: '', remedy: '' }, 'no answer');

export function pairOfGuards(policy: Partial<GuardPolicy> = {}) {
  const pair = guardsInARow<Name>({ east: 'west', west: 'east' }, policy);
  return {
    ...pair,
    /** West receives everything that east wrote. */
    replicate: () => {
      pair.databases.west.lsn = Number(bytesOf(pair.databases.east.position));
    },
  };
}

/**
 * The guards of these regions, each with the peer that its configuration names. `leadsTo`: the
 * region whose guard answers at the address of that peer, if it is another one. Guards that name
 * each other have confirmed that before.
 */
export function guardsInARow<P extends Place>(
  peers: Readonly<Record<P, P | null>>,
  policy: Partial<GuardPolicy> = {},
  leadsTo: Partial<Record<P, P>> = {},
) {
  const places = Object.keys(peers) as P[];
  const clock = createVirtualClock();
  const now = () => clock.monotonicMs();
  const each = <T>(make: (place: P) => T) =>
    Object.fromEntries(places.map((place) => [place, make(place)])) as Record<P, T>;
  const databases = each(
    (place) => new FakeDatabase(place, place === 'east' ? 'primary' : 'standby', now),
  );
  const mutual = (place: P) => {
    const peer = peers[place];
    return peer !== null && peers[peer] === place && leadsTo[peer] === undefined ? peer : null;
  };
  const disks = each(
    (place): GuardMemory => ({
      ...newGuardMemory(),
      pairedWith: mutual(place),
      known: { epoch: 1, active: 'east' },
      cluster: agreed('7001'),
    }),
  );
  const events: GuardEvent[] = [];
  /**
   * How long an answer of the other guard takes, and how long an unreachable store leaves a
   * question open.
   */
  const link = { peers: true, store: true, peerMs: 0, silentMs: 0 };
  const store = {
    epoch: 1,
    active: 'east',
    stopped: false,
    adopted: 0,
    openRun: null as string | null,
  };
  const guards = {} as Record<P, Guard>;

  const peerOf = (peer: P | null): Peer | null => {
    if (peer === null) return null;
    const ask = async <T>(work: (guard: Guard) => Promise<T>): Promise<T> => {
      if (link.peerMs > 0) await clock.sleep(link.peerMs);
      if (!link.peers) throw away('peer-away');
      return work(guards[leadsTo[peer] ?? peer]);
    };
    return {
      region: peer,
      word: (input) => ask((guard) => guard.word(input)),
      renounce: (input) => ask((guard) => guard.renounceForPeer(input)),
      promise: (input) => ask((guard) => guard.promise(input)),
      recordSync: (input) => ask((guard) => guard.recordPeerSync(input)),
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
    openRun: async () => {
      await heard();
      return store.openRun;
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
  const make = (name: P): Guard =>
    createGuard({
      service: 'checkout',
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
      peer: peerOf(peers[name]),
      witness,
      policy: {
        writerFence: 'available',
        durability: 'asynchronous',
        timing: defaultTiming,
        ...policy,
      },
      onEvent: (event) => {
        events.push(event);
        if (event.type === 'side-changed' && !isSideRow(event)) {
          throw new Error(`no row for ${event.from}, ${event.on}, ${event.to}`);
        }
      },
    });
  for (const place of places) {
    const peer = peers[place];
    if (peer !== null) databases[place].upstream = () => databases[peer].cluster;
    guards[place] = make(place);
  }
  return {
    clock,
    databases,
    disks,
    events,
    link,
    store,
    guards,
    /** The process ends and is started again; its memory on disk stays. */
    restart: (name: P) => {
      guards[name] = make(name);
      return guards[name];
    },
    /** Both guards watch until aborted; the clock lets time pass. */
    watch: () => {
      const ending = new AbortController();
      const loops = places.map((place) => guards[place].run(ending.signal));
      return async () => {
        ending.abort();
        await clock.until(Promise.all(loops));
      };
    },
  };
}
