import { bytesOf, type Position, positionOf } from '@throwover/client';
import type { DatabaseSide } from '../authority/database-side.ts';
import type {
  Closed,
  DatabaseStatus,
  DatabaseSurvey,
  FenceProof,
  OpeningProof,
  Promotion,
  RunCommand,
  SalvagePage,
  Unsent,
  UpstreamWord,
} from '../authority/messages.ts';
import { defineErrors, seededRandom } from '../kernel/kernel.ts';
import { createVirtualClock, type VirtualClock } from '../kernel/virtual-clock.fixture.ts';
import { lostPatienceMs, noConsent, type Sighting } from '../replication/replication.ts';
import {
  approve,
  checkGuards,
  type ExecuteOptions,
  executeRun,
  makePlan,
  type Plan,
  planDigest,
  type RunResult,
} from '../runbook/runbook.ts';
import { createMemoryStore, newMemoryStoreState } from '../store/memory/memory-store.ts';
import type { Store } from '../store/port.ts';
import type { RunState } from '../store/shapes.ts';
import { type DnsProvider, type DnsRecord, sameRecord } from '../traffic/dns.ts';
import type { Door } from '../traffic/door.ts';
import type { DoorMode, DoorStatus } from '../traffic/door-wire.ts';
import type { GatewayControl } from '../webhooks/gateway-control.ts';
import type { GatewayMode, GatewayStatus, LossWindow } from '../webhooks/wire.ts';
import type { RunDefinition } from './definition.ts';
import type { RegionPorts, RunPolicy, RunPorts } from './ports.ts';
import { buildRun, type RunKind } from './runs.ts';

/**
 * Two regions in memory behind the ports of a run, on virtual time. They do what a guard promises
 * and no more.
 */

const errors = defineErrors({
  'database-unreachable': { disposition: 'retry', notLost: 'x', remedy: 'x' },
  'other-service': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'other-regions': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'token-too-old': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'proof-not-accepted': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'promotion-refused': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'is-active': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'nothing-to-fence': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'token-renounced': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'dns-lost-race': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'dns-empty-answer': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'door-unreachable': { disposition: 'retry', notLost: 'x', remedy: 'x' },
  'door-refused': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'gateway-unreachable': { disposition: 'retry', notLost: 'x', remedy: 'x' },
  'gateway-refused': { disposition: 'stop', notLost: 'x', remedy: 'x' },
});

/** How long a call to a region that is cut off takes to fail, ms. */
const awayMs = 2_000;

export class FakeSide implements DatabaseSide {
  readonly region: string;
  readonly log: string[] = [];
  role: DatabaseStatus['role'];
  bytes = 1_000;
  timeline = 1;
  streaming = true;
  /** Synchronous mode: what its guard has written down about the commits. */
  inSync: boolean | null = null;
  /** The whole region is unreachable. */
  away = false;
  /** Only the process beside the database is unreachable. */
  guardAway = false;
  closed: Closed | null = null;
  token = 0;
  renounced = 0;
  accepted: { token: number; epoch: number } | null = null;
  promotion: Promotion | null = null;
  identifier = '7001';
  /** Positions at which earlier timelines ended. */
  left: readonly Position[] = [];
  /** The arguments of its promotion. */
  asked: { proof: FenceProof; lossy: { sequenceAdvance: number } | null } | null = null;
  opening: OpeningProof | null = null;
  /** The writes that its log still shows and the other side does not have. */
  salvaged: SalvagePage = { state: 'complete', losses: [], total: 0, blind: [] };
  /** Called before a command has its effect. */
  before: (command: string) => void | Promise<void> = () => {};
  /** Highest number of requests at the same time at its door. */
  peakConcurrency = 1;
  /** The side that it receives from while it is a standby. */
  peer: FakeSide | null = null;
  /** The run of the newest token. */
  #run: string | null = null;
  readonly #clock: VirtualClock;

  constructor(region: string, role: DatabaseStatus['role'], clock: VirtualClock) {
    this.region = region;
    this.role = role;
    this.#clock = clock;
  }

  get position(): Position {
    return positionOf(this.timeline, `0/${this.bytes.toString(16)}`);
  }

  async status(): Promise<DatabaseStatus> {
    await this.#reached();
    const primary = this.role === 'primary';
    const stopped = this.role === 'stopped';
    const cluster = { identifier: this.identifier, timeline: this.timeline, left: this.left };
    return {
      region: this.region,
      service: 'checkout',
      peer: { region: this.region === 'east' ? 'west' : 'east', confirmed: true },
      role: this.role,
      version: stopped ? null : '18.0',
      closed: this.closed,
      sessions: 0,
      position: stopped ? null : this.position,
      received: stopped ? null : this.position,
      streaming: !primary && this.streaming,
      standby: primary ? { lagMs: 1, lagBytes: 0, state: 'streaming' } : null,
      promotion: this.promotion,
      attachment: null,
      token: this.token,
      renounced: this.renounced,
      accepted: this.accepted,
      known: { epoch: 1, active: null },
      observed: observedAs(this.closed),
      reopened: null,
      leaseLeftMs: null,
      inSync: this.inSync,
      parity: {},
      cluster,
      clusterVerdict: { is: 'same', by: 'kept', own: cluster },
    };
  }

  survey = async (): Promise<DatabaseSurvey> => {
    // It takes no time while its guard answers.
    if (this.away || this.guardAway) await this.#reached();
    return {
      region: this.region,
      ...{ writers: [], writersInAll: 0, missingRoles: [], blindTables: [], blindTablesInAll: 0 },
      ...{ doorCannot: [], guardLacks: [], leaseLeavesOut: [] },
    };
  };

  upstream = async (): Promise<UpstreamWord> => {
    await this.#reached();
    if (this.role !== 'standby' || this.peer === null) {
      return { answers: null, said: 'no receiver runs' };
    }
    const answers = !this.peer.away && this.peer.role === 'primary';
    return { answers, said: answers ? 'a session' : 'timeout expired' };
  };

  unsent = async (): Promise<Unsent> => {
    await this.#reached();
    return { state: 'unavailable', why: 'it keeps no rows' };
  };

  endPromises = (command: RunCommand): Promise<{ leftMs: number }> =>
    this.#command('endPromises', command, () => ({ leftMs: 0 }));
  admit = (command: RunCommand) => this.#command('admit', command, () => {});
  checkpoint = (command: RunCommand) => this.#command('checkpoint', command, () => {});
  prewarm = (command: RunCommand) =>
    this.#command('prewarm', command, () => ({ bytes: 0, by: 'nothing' }));
  fence = (command: RunCommand & { deadlineMs: number | null }) =>
    this.#command('fence', command, () => {
      if (this.role !== 'primary') {
        throw errors.make('nothing-to-fence', `it is ${this.role}`, { role: this.role });
      }
      const { scope, token, deadlineMs } = command;
      this.#mustNotBeRenounced(token);
      this.closed = { by: 'fence', run: scope.run, token, deadlineMs, position: this.position };
      return { kind: 'confirmed', region: this.region, position: this.position, token } as const;
    });
  unfence = (command: RunCommand & { proof: OpeningProof }) =>
    this.#command('unfence', command, () => {
      const { closed } = this;
      const { proof } = command;
      if (closed === null) return;
      const token = closed.by === 'fence' ? closed.token : 0;
      const of = proof.kind === 'renounced' ? proof.region : this.peer?.region;
      if (proof.kind !== 'overridden' && (proof.token < token || of !== this.peer?.region)) {
        throw errors.make('proof-not-accepted', `the fence is token ${token}'s`);
      }
      this.opening = proof;
      this.renounced = Math.max(this.renounced, token);
      this.closed = null;
    });
  renounce = (command: RunCommand) =>
    this.#command('renounce', command, () => {
      const { token } = command;
      if (this.accepted !== null) return { kind: 'accepted', ...this.accepted } as const;
      this.renounced = Math.max(this.renounced, token);
      return { kind: 'renounced', token: this.renounced } as const;
    });
  promote: DatabaseSide['promote'] = (command) =>
    this.#command('promote', command, () => {
      const { token, epoch, proof, lossy } = command;
      if (this.accepted?.epoch === epoch) {
        return this.promotion?.epoch === epoch ? this.promotion : this.finish();
      }
      this.#mustNotBeRenounced(token);
      if (this.role !== 'standby') throw errors.make('promotion-refused', `it is ${this.role}`);
      if (proof.kind === 'confirmed') {
        if (proof.token !== token || proof.region !== this.peer?.region) {
          throw errors.make('proof-not-accepted', 'the proof of another fence');
        }
        if (bytesOf(proof.position) > bytesOf(this.position)) {
          throw errors.make('promotion-refused', 'not everything was received');
        }
      }
      this.accepted = { token, epoch };
      this.asked = { proof, lossy };
      return this.finish();
    });

  /** Ends the promotion that it has accepted. */
  finish(): Promotion {
    const { accepted, position } = this;
    if (accepted === null) throw new Error('nothing was accepted');
    this.role = 'primary';
    this.timeline += 1;
    this.left = [...this.left, position];
    this.promotion = {
      epoch: accepted.epoch,
      region: this.region,
      timeline: this.timeline,
      switchPosition: position,
      nextXid: '800',
    };
    return this.promotion;
  }
  stop = (command: RunCommand) =>
    this.#command('stop', command, () => {
      if (this.role === 'primary') this.role = 'stopped';
    });
  salvage: DatabaseSide['salvage'] = (command) =>
    this.#command('salvage', command, () => {
      this.#mustNotTakeWrites();
      return this.salvaged;
    });
  attach: DatabaseSide['attach'] = (command) =>
    this.#command('attach', command, () => {
      const { promotion } = command;
      this.#mustNotTakeWrites();
      this.role = 'standby';
      this.streaming = true;
      if (this.timeline < promotion.timeline) this.left = [...this.left, promotion.switchPosition];
      this.timeline = promotion.timeline;
      this.promotion = promotion;
      this.closed = null;
      return { way: 'as-is', bytesCopied: 0 } as const;
    });

  async #command<T>(name: string, { scope, token }: RunCommand, effect: () => T): Promise<T> {
    await this.#reached();
    const pair = [scope.from, scope.to].sort().join();
    if (scope.service !== 'checkout') throw errors.make('other-service', scope.service);
    if (pair !== 'east,west') throw errors.make('other-regions', pair);
    await this.before(name);
    if (this.away) throw errors.make('database-unreachable', `${this.region} does not answer`);
    const other = token === this.token && this.#run !== null && this.#run !== scope.run;
    if (token < this.token || other) {
      throw errors.make('token-too-old', `${token} of ${scope.run} after ${this.token}`);
    }
    this.token = token;
    this.#run = scope.run;
    this.log.push(name);
    return effect();
  }

  #mustNotBeRenounced(token: number): void {
    if (token <= this.renounced) throw errors.make('token-renounced', `${token} was given up`);
  }

  #mustNotTakeWrites(): void {
    if (this.role !== 'primary' || this.closed !== null) return;
    throw errors.make('is-active', `${this.region} is a primary that takes writes`);
  }

  async #reached(): Promise<void> {
    const away = this.away || this.guardAway;
    await this.#clock.sleep(away ? awayMs : 1);
    if (away) throw errors.make('database-unreachable', `${this.region} does not answer`);
  }
}

/** A door in memory: it answers no request, and it is not restarted. */
class FakeDoor implements Door {
  readonly region: string;
  /** The last command. */
  current: DoorMode = { mode: 'serve', epoch: 1 };
  /** The newest mode that does not end by itself. */
  #lasting: DoorMode = this.current;
  #sinceMs = 0;
  #token = 0;
  /** The run of the last hold (epoch and token), and whether the door has been released since. */
  #holder = { run: '', over: false };
  readonly #side: FakeSide;
  readonly #clock: VirtualClock;

  constructor(side: FakeSide, clock: VirtualClock) {
    this.region = side.region;
    this.#side = side;
    this.#clock = clock;
  }

  status = async (): Promise<DoorStatus> => {
    this.#reached();
    const counts = { inFlight: 0, held: 0, served: 0, forwarded: 0, refused: 0 };
    const { peakConcurrency } = this.#side;
    return { region: this.region, current: this.#inForce(), ...counts, peakConcurrency };
  };

  set = async (next: DoorMode, token: number): Promise<DoorStatus> => {
    this.#reached();
    const { epoch } = this.current;
    if (next.epoch < epoch || (next.epoch === epoch && token < this.#token)) {
      throw errors.make('door-refused', 'an older epoch or token');
    }
    const run = `${next.epoch} ${token}`;
    if (next.mode === 'hold') {
      if (this.#holder.over && run === this.#holder.run) {
        throw errors.make('door-refused', 'a hold that is over');
      }
      this.#holder = { run, over: false };
    }
    if (!('maxMs' in next)) {
      this.#lasting = next;
      this.#holder.over = true;
    }
    this.current = next;
    this.#token = token;
    this.#sinceMs = this.#clock.monotonicMs();
    return this.status();
  };

  #inForce(): DoorMode {
    const { current } = this;
    if (!('maxMs' in current)) return current;
    if (this.#clock.monotonicMs() < this.#sinceMs + current.maxMs) return current;
    if (this.#lasting.mode === 'forward') return this.#lasting;
    return { mode: 'serve', epoch: current.epoch };
  }

  #reached(): void {
    if (this.#side.away) throw errors.make('door-unreachable', 'no answer');
  }
}

/** A gateway in memory: it has no events, and it is not restarted. */
class FakeGateway implements GatewayControl {
  readonly region: string;
  current: GatewayMode = { mode: 'deliver', epoch: 1, region: 'east', url: 'http://east' };
  readonly windows: LossWindow[] = [];
  #token = 0;
  readonly #side: FakeSide;

  constructor(side: FakeSide) {
    this.region = side.region;
    this.#side = side;
  }

  status = async (): Promise<GatewayStatus> => {
    this.#reached();
    const counts = { backlog: 0, refusedWaiting: 0, redelivering: 0, inFlight: 0 };
    const totals = { accepted: 0, delivered: 0, deadLetters: 0, oldestMs: null };
    return { region: this.region, current: this.current, ...counts, ...totals };
  };

  set = async (next: GatewayMode, token: number): Promise<GatewayStatus> => {
    const { mode, epoch } = this.current;
    const late = next.mode === 'hold' && mode === 'deliver' && token === this.#token && token > 0;
    this.#reached();
    if (next.epoch < epoch || late) this.#refuse();
    this.#seen(token);
    this.current = next;
    return this.status();
  };

  redeliver = async (window: LossWindow, token: number) => {
    this.#seen(token);
    this.windows.push(window);
    return { events: 3 };
  };

  #seen(token: number): void {
    this.#reached();
    if (token < this.#token) this.#refuse();
    this.#token = token;
  }

  #refuse(): never {
    throw errors.make('gateway-refused', 'an older epoch or token');
  }

  #reached(): void {
    if (this.#side.away) throw errors.make('gateway-unreachable', 'no answer');
  }
}

type Without<T> = T extends unknown
  ? Omit<T, 'store' | 'clock' | 'steps' | 'claim' | 'owner'>
  : never;
type What = Without<ExecuteOptions>;

export class World {
  readonly clock = createVirtualClock();
  /** What the store keeps; a test damages it. */
  readonly kept = newMemoryStoreState();
  readonly store: Store = createMemoryStore({
    ...{ clock: this.clock, random: seededRandom(3), state: this.kept },
  });
  readonly east = new FakeSide('east', 'primary', this.clock);
  readonly west = new FakeSide('west', 'standby', this.clock);
  readonly sightings: Sighting[] = [];
  readonly doors = {
    east: new FakeDoor(this.east, this.clock),
    west: new FakeDoor(this.west, this.clock),
  };
  readonly gateways = [this.east, this.west].map((side) => new FakeGateway(side));
  record: DnsRecord = {
    name: 'checkout.example.test',
    type: 'A',
    ttlSeconds: 60,
    values: ['192.0.2.1'],
    generation: { number: 1, epoch: 1, region: 'east' },
  };
  policy: Partial<RunPolicy> = {};
  /** The parts of a region besides its database and its door. */
  readonly more: Record<'east' | 'west', Partial<Pick<RegionPorts, 'functions' | 'metrics'>>> = {
    east: {},
    west: {},
  };
  readonly dns: DnsProvider = {
    read: async () => this.record,
    replace: async (old, next) => {
      if (next.values.length === 0) throw errors.make('dns-empty-answer', 'no answer');
      if (sameRecord(this.record, next)) return;
      if (!sameRecord(this.record, old)) throw errors.make('dns-lost-race', 'somebody wrote first');
      this.record = next;
    },
    readBack: async () => this.record.values,
  };

  constructor() {
    this.east.peer = this.west;
    this.west.peer = this.east;
  }

  async begin(): Promise<this> {
    await this.store.registerService({
      name: 'checkout',
      regions: ['east', 'west'],
      active: 'east',
    });
    return this;
  }

  define(
    kind: RunKind,
    overrides: readonly string[] = [],
    from = 'east',
    more: Partial<RunPolicy> = {},
  ): RunDefinition {
    const consent = overrides.length === 0 ? noConsent : { by: 'alice', overrides };
    const [active, next] = from === 'east' ? ['east', 'west'] : ['west', 'east'];
    const ports: RunPorts = {
      store: this.store,
      from: this.#region(active as 'east'),
      to: this.#region(next as 'west'),
      dns: this.dns,
      gateways: this.gateways,
      history: { sightings: async () => this.sightings },
    };
    return buildRun(kind, ports, { ...this.#policy(String(next), consent), ...more }, this.clock);
  }

  /** Asks the guards, approves the plan with these overrides, and carries it out. */
  async run(
    kind: RunKind,
    options: { overrides?: readonly string[]; from?: string } = {},
  ): Promise<RunResult> {
    const { overrides = [], from = 'east' } = options;
    const definition = this.define(kind, overrides, from);
    const plan = await this.plan(kind, definition, from);
    const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides });
    return this.carryOut(definition, { plan, mandate });
  }

  async plan(kind: RunKind, definition = this.define(kind), from = 'east'): Promise<Plan> {
    const { epoch } = await this.store.service('checkout');
    const { guards, steps } = definition;
    const signal = new AbortController().signal;
    return this.clock.until(
      (async () =>
        makePlan({
          service: 'checkout',
          kind,
          from,
          to: from === 'east' ? 'west' : 'east',
          epoch,
          steps,
          guards: await checkGuards({ guards, clock: this.clock, signal }),
          facts: await definition.facts(),
        }))(),
    );
  }

  carryOut(definition: RunDefinition, what: What): Promise<RunResult> {
    const { steps, claim } = definition;
    const { store, clock } = this;
    return clock.until(executeRun({ store, clock, steps, claim, owner: 'a controller', ...what }));
  }

  async newestRun(): Promise<RunState> {
    const [run] = await this.store.runs({ service: 'checkout', limit: 1 });
    if (run === undefined) throw new Error('no run began');
    return this.store.run(run.runId);
  }

  get regions(): readonly RegionPorts[] {
    return [this.#region('east'), this.#region('west')];
  }

  /** The region dies, or is cut off. */
  lose(side: FakeSide): void {
    side.away = true;
    this.west.streaming = false;
  }

  #region(name: 'east' | 'west'): RegionPorts {
    const parts = { database: this[name], door: this.doors[name], functions: null };
    return { name, ...parts, ...this.more[name] };
  }

  #policy(to: string, consent: RunPolicy['consent']): RunPolicy {
    return {
      service: 'checkout',
      epoch: 1,
      lagBoundMs: 200,
      armTimeoutMs: 60_000,
      doorHoldMs: 2_000,
      openTransactionsMs: 500,
      attachTimeoutMs: 60_000,
      fenceDeadlineMs: 10_000,
      strict: false,
      synchronous: false,
      lossBoundMs: 0,
      idsPerSecond: 1_000,
      home: 'east',
      standsInFrom: [],
      lostPatienceMs,
      record: {
        name: this.record.name,
        type: 'A',
        ttlSeconds: 60,
        values: [to === 'west' ? '192.0.2.2' : '192.0.2.1'],
      },
      forwardUrl: 'http://to',
      backwardUrl: 'http://from',
      deliverUrl: 'http://to',
      returnUrl: 'http://from',
      warm: null,
      consent,
      ...this.policy,
    };
  }
}

/** The door of a server that does what its guard has written down. */
function observedAs(closed: DatabaseStatus['closed']): DatabaseStatus['observed'] {
  const door = closed === null ? 'open' : 'closed';
  return { door, why: [], brokenForMs: null, ageMs: 0, restored: 0 };
}
