import { bytesOf, type Position, positionOf } from '@throwover/client';
import type {
  Closed,
  DatabaseSide,
  DatabaseStatus,
  Promotion,
  SalvagePage,
  UpstreamWord,
} from '../authority/database-side.ts';
import type { FenceProof, OpeningProof } from '../authority/fence-proof.ts';
import { defineErrors, seededRandom } from '../kernel/kernel.ts';
import { createVirtualClock, type VirtualClock } from '../kernel/virtual-clock.ts';
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
import { createMemoryStore } from '../store/memory/memory-store.ts';
import type { RunState, Store } from '../store/store.ts';
import type { DnsProvider, DnsRecord } from '../traffic/dns.ts';
import type { Door, DoorMode } from '../traffic/door.ts';
import type { GatewayControl, GatewayMode, LossWindow } from '../webhooks/gateway-control.ts';
import type { RunDefinition } from './definition.ts';
import type { RegionPorts, RunPolicy, RunPorts } from './ports.ts';
import { buildRun, type RunKind } from './runs.ts';

/** Two regions in memory behind the ports of a run, on virtual time: what a guard promises, no more. */

const errors = defineErrors({
  'database-unreachable': { disposition: 'retry', notLost: 'x', remedy: 'x' },
  'database-refused': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'token-too-old': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'token-renounced': { disposition: 'stop', notLost: 'x', remedy: 'x' },
  'door-unreachable': { disposition: 'retry', notLost: 'x', remedy: 'x' },
  'gateway-unreachable': { disposition: 'retry', notLost: 'x', remedy: 'x' },
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
  /** The whole region. */
  away = false;
  /** The process beside the database alone. */
  guardAway = false;
  closed: Closed | null = null;
  token = 0;
  renounced = 0;
  accepted: { token: number; epoch: number } | null = null;
  promotion: Promotion | null = null;
  /** What its promotion was asked with. */
  asked: { proof: FenceProof; lossy: { sequenceAdvance: number } | null } | null = null;
  opening: OpeningProof | null = null;
  /** What its log still says of writes that the other side does not have. */
  salvaged: SalvagePage = { state: 'complete', losses: [], total: 0, blind: [] };
  /** Called before a command has its effect. */
  before: (command: string) => void | Promise<void> = () => {};
  /** Requests in service at once at its door. */
  peakConcurrency = 1;
  /** How long what it has promised to the other guard stands; left out: it gives no promises. */
  endPromises?: (token: number) => Promise<{ leftMs: number }>;
  /** What it says of the primary that it receives from; left out: its receiver is believed. */
  upstream?: () => Promise<UpstreamWord>;
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
    return {
      region: this.region,
      role: this.role,
      version: '18.0',
      closed: this.closed,
      sessions: 0,
      position: this.position,
      received: this.position,
      streaming: !primary && this.streaming,
      standby: primary ? { lagMs: 1, lagBytes: 0, state: 'streaming' } : null,
      promotion: this.promotion,
      attachment: null,
      token: this.token,
      renounced: this.renounced,
      accepted: this.accepted,
      known: { epoch: 1, active: null },
      leaseLeftMs: null,
      inSync: null,
      parity: {},
    };
  }
  admit = (token: number) => this.#command('admit', token, () => {});
  checkpoint = (token: number) => this.#command('checkpoint', token, () => {});
  prewarm = (token: number) => this.#command('prewarm', token, () => ({ bytes: 0, by: 'nothing' }));
  fence = (command: { token: number; deadlineMs: number | null }) =>
    this.#command('fence', command.token, () => {
      const { token, deadlineMs } = command;
      this.closed = { by: 'fence', token, deadlineMs, position: this.position };
      return { kind: 'confirmed', region: this.region, position: this.position, token } as const;
    });
  unfence = (command: { token: number; proof: OpeningProof }) =>
    this.#command('unfence', command.token, () => {
      this.opening = command.proof;
      this.closed = null;
    });
  renounce = (token: number) =>
    this.#command('renounce', token, () => {
      if (this.accepted !== null) return { kind: 'accepted', ...this.accepted } as const;
      this.renounced = Math.max(this.renounced, token);
      return { kind: 'renounced', token: this.renounced } as const;
    });
  promote: DatabaseSide['promote'] = ({ token, epoch, proof, lossy }) =>
    this.#command('promote', token, () => {
      if (token <= this.renounced) throw errors.make('token-renounced', `${token} was given up`);
      const { position } = this;
      if (proof.kind === 'confirmed') {
        if (bytesOf(proof.position) > bytesOf(position)) {
          throw errors.make('database-refused', 'not everything was received');
        }
      }
      this.accepted = { token, epoch };
      this.asked = { proof, lossy };
      this.role = 'primary';
      this.timeline += 1;
      this.promotion = {
        epoch,
        region: this.region,
        timeline: this.timeline,
        switchPosition: position,
        nextXid: '800',
      };
      return this.promotion;
    });
  stop = (token: number) =>
    this.#command('stop', token, () => {
      this.role = 'stopped';
    });
  salvage: DatabaseSide['salvage'] = ({ token }) =>
    this.#command('salvage', token, () => this.salvaged);
  attach: DatabaseSide['attach'] = ({ token, promotion }) =>
    this.#command('attach', token, () => {
      this.role = 'standby';
      this.streaming = true;
      this.timeline = promotion.timeline;
      this.promotion = promotion;
      this.closed = null;
      return { way: 'as-is', bytesCopied: 0 } as const;
    });

  async #command<T>(name: string, token: number, effect: () => T): Promise<T> {
    await this.#reached();
    await this.before(name);
    if (this.away) throw errors.make('database-unreachable', `${this.region} does not answer`);
    if (token < this.token) throw errors.make('token-too-old', `${token} below ${this.token}`);
    this.token = token;
    this.log.push(name);
    return effect();
  }

  async #reached(): Promise<void> {
    const away = this.away || this.guardAway;
    await this.#clock.sleep(away ? awayMs : 1);
    if (away) throw errors.make('database-unreachable', `${this.region} does not answer`);
  }
}

function fakeDoor(side: FakeSide, mode: DoorMode): Door & { current: DoorMode } {
  const door = {
    region: side.region,
    current: mode,
    async status() {
      if (side.away) throw errors.make('door-unreachable', 'no answer');
      const counts = { inFlight: 0, held: 0, served: 0, forwarded: 0, refused: 0 };
      const { region, peakConcurrency } = side;
      return { region, current: door.current, ...counts, peakConcurrency };
    },
    async set(next: DoorMode) {
      if (side.away) throw errors.make('door-unreachable', 'no answer');
      door.current = next;
      return door.status();
    },
  };
  return door;
}

function fakeGateway(side: FakeSide, mode: GatewayMode) {
  const gateway: GatewayControl & { current: GatewayMode; windows: LossWindow[] } = {
    region: side.region,
    current: mode,
    windows: [],
    async status() {
      if (side.away) throw errors.make('gateway-unreachable', 'no answer');
      const counts = { backlog: 0, refusedWaiting: 0, redelivering: 0, inFlight: 0 };
      const totals = { accepted: 0, delivered: 0, deadLetters: 0, oldestMs: null };
      return { region: side.region, current: gateway.current, ...counts, ...totals };
    },
    async set(next: GatewayMode) {
      if (side.away) throw errors.make('gateway-unreachable', 'no answer');
      gateway.current = next;
      return gateway.status();
    },
    async redeliver(window: LossWindow) {
      if (side.away) throw errors.make('gateway-unreachable', 'no answer');
      gateway.windows.push(window);
      return { events: 3 };
    },
  };
  return gateway;
}

type Without<T> = T extends unknown
  ? Omit<T, 'store' | 'clock' | 'steps' | 'claim' | 'owner'>
  : never;
type What = Without<ExecuteOptions>;

export class World {
  readonly clock = createVirtualClock();
  readonly store: Store = createMemoryStore({ clock: this.clock, random: seededRandom(3) });
  readonly east = new FakeSide('east', 'primary', this.clock);
  readonly west = new FakeSide('west', 'standby', this.clock);
  readonly sightings: Sighting[] = [];
  readonly doors = {
    east: fakeDoor(this.east, { mode: 'serve', epoch: 1 }),
    west: fakeDoor(this.west, { mode: 'serve', epoch: 1 }),
  };
  readonly gateways = [this.east, this.west].map((side) =>
    fakeGateway(side, { mode: 'deliver', epoch: 1, region: 'east', url: 'http://east' }),
  );
  record: DnsRecord = {
    name: 'checkout.example.test',
    type: 'A',
    ttlSeconds: 60,
    values: ['192.0.2.1'],
    generation: { number: 1, epoch: 1, region: 'east' },
  };
  policy: Partial<RunPolicy> = {};
  /** What a region has besides its database and its door. */
  readonly more: Record<'east' | 'west', Partial<Pick<RegionPorts, 'functions' | 'metrics'>>> = {
    east: {},
    west: {},
  };
  readonly dns: DnsProvider = {
    read: async () => this.record,
    replace: async (_old, record) => {
      this.record = record;
    },
    readBack: async () => this.record.values,
  };

  async begin(): Promise<this> {
    await this.store.registerService({
      name: 'checkout',
      regions: ['east', 'west'],
      active: 'east',
    });
    return this;
  }

  define(kind: RunKind, overrides: readonly string[] = [], from = 'east'): RunDefinition {
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
    return buildRun(kind, ports, { ...this.#policy(String(next), consent) }, this.clock);
  }

  /** Asks the guards, approves with these overrides, carries out. */
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
