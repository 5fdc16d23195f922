/**
 * A region's front door: the data path, on node:http.
 *
 *   edge.ts          modes, counting, commands
 *   hold-queue.ts    requests that wait for the next mode
 *   release.ts       lets them go on, as many at a time as are usual
 *   forward.ts       passes stragglers to the active region
 *   reverse-proxy.ts streams a request to another origin, and its answer back
 *   latency-minutes.ts latency of the region's application
 *   concurrency.ts   peak of the last 60 s
 *   stragglers/      stragglers: their sources, causes and connections
 *   door-state.ts    the state that survives a crash
 *   door-admin.ts    GET and PUT /v1/door
 *   edge-process.ts  a door as a process, `throwover edge`; edge-config.ts
 *
 * It runs and restarts without the control plane (A5): the mode is on disk, and a hold ends by
 * itself.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import { headers } from '@throwover/client';
import { assertNever, type Clock } from '../kernel/kernel.ts';
import { Concurrency } from './concurrency.ts';
import type { DoorControl } from './door-admin.ts';
import { refuse, timeHead } from './door-answers.ts';
import { type DoorState, loadDoorState, saveDoorState } from './door-state.ts';
import type { DoorMode, DoorStatus, LatencyPiece, LatencySpan } from './door-wire.ts';
import { trafficErrors } from './errors.ts';
import { Forwarder } from './forward.ts';
import { HoldQueue } from './hold-queue.ts';
import { LatencyMinutes } from './latency-minutes.ts';
import { Release } from './release.ts';
import { endsByItself, Split, type TimedMode } from './share.ts';
import { BeaconLog, beaconNonce } from './stragglers/beacons.ts';
import { Connections } from './stragglers/connections.ts';
import { StragglerMeter } from './stragglers/meter.ts';
import { type Origin, originReader } from './stragglers/origin.ts';
import type { BeaconReport, ConnectionsReport, EpochReport } from './stragglers/wire.ts';

export { type Identity, identitySchema } from '../access/identity.ts';
export { createDoorAdmin, doorAdminServer } from './door-admin.ts';
export type { DoorMode, DoorStatus } from './door-wire.ts';

/**
 * Passes a request to the region's own application. The door counts it as in service until the
 * answer is sent.
 */
export type Serve = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>;

export interface EdgeOptions {
  readonly region: string;
  readonly clock: Clock;
  /** File of the door's mode; its directory is created if it does not exist. */
  readonly stateFile: string;
  /** Epoch that a door without a state file serves in. */
  readonly epoch: number;
  /**
   * Networks (CIDR) of proxies, and of the other door, whose `X-Forwarded-*` and similar headers are
   * believed; default: none.
   */
  readonly trustedProxies?: readonly string[];
  /** Width of a bucket of the straggler curve, ms; default 1000. */
  readonly bucketMs?: number;
  /** Most requests in service; further ones are told to retry (503). Default: no bound. */
  readonly maxServing?: number;
  /**
   * Most requests that are being forwarded; default 2000: the sockets and memory of a small
   * machine.
   */
  readonly maxForwarding?: number;
}

const defaults = { bucketMs: 1_000, maxForwarding: 2_000, maxServing: Number.POSITIVE_INFINITY };

/** One door. Pass `handle` to `http.createServer`. */
export interface Edge extends DoorControl {
  readonly mode: DoorMode;
  handle(req: IncomingMessage, res: ServerResponse, serve: Serve): void;
  /**
   * Takes the opening time of connections from a server; without it a connection counts from its
   * first request.
   */
  watch(server: Server): void;
  /** Refuses held requests and forgets its connections; the caller closes the server. */
  close(): void;
}

export async function createEdge(options: EdgeOptions): Promise<Edge> {
  const saved = await loadDoorState(options.stateFile);
  const { epoch } = options;
  const sinceWallMs = options.clock.wallMs();
  return new Door(
    options,
    saved ?? { mode: { mode: 'serve', epoch }, epoch, token: 0, sinceWallMs },
  );
}

type Right = Pick<DoorState, 'epoch' | 'token'>;

class Door implements Edge {
  readonly region: string;
  readonly #clock: Clock;
  readonly #stateFile: string;
  readonly #forwarder: Forwarder;
  readonly #held = new HoldQueue<Held>();
  readonly #release: Release<Held>;
  readonly #serving: Concurrency;
  readonly #connections: Connections;
  readonly #beacons: BeaconLog;
  readonly #meter: StragglerMeter;
  readonly #latency: LatencyMinutes;
  readonly #split = new Split();
  readonly #originOf: (req: IncomingMessage) => Origin;
  readonly #limits: { readonly maxServing: number; readonly maxForwarding: number };
  #current: DoorMode;
  #durable: DoorState;
  /** The run that requested the last hold, and whether it has released the door since. */
  #holder: (Right & { over: boolean }) | null = null;
  /** Ends the timer of the hold that is in force. */
  #holdTimer = new AbortController();
  /** Commands are carried out one after another. */
  #commands: Promise<unknown> = Promise.resolve();
  #closed = false;
  #forwarding = 0;
  #served = 0;
  #forwarded = 0;
  #refused = 0;

  constructor(options: EdgeOptions, state: DoorState) {
    this.region = options.region;
    this.#clock = options.clock;
    this.#stateFile = options.stateFile;
    this.#forwarder = new Forwarder(options);
    this.#serving = new Concurrency(options.clock);
    this.#release = new Release({
      clock: options.clock,
      take: () => this.#held.take(),
      go: (held) => this.#enterMode(held),
    });
    this.#connections = new Connections(options.clock);
    this.#beacons = new BeaconLog(options.clock);
    const settings = { ...defaults, ...options };
    this.#meter = new StragglerMeter(settings);
    this.#latency = new LatencyMinutes(settings);
    this.#originOf = originReader(options.trustedProxies ?? []);
    this.#limits = settings;
    this.#durable = state;
    this.#current = state.mode;
    this.#meter.begin(state.mode.epoch, state.mode.mode, state.sinceWallMs);
  }

  get mode(): DoorMode {
    return this.#current;
  }

  watch(server: Server): void {
    this.#connections.watch(server);
  }

  handle(req: IncomingMessage, res: ServerResponse, serve: Serve): void {
    const openedMs = this.#connections.request(req);
    const nonce = beaconNonce(req.url);
    if (nonce !== null) {
      this.#beacons.add(nonce, this.#originOf(req).network);
      res.writeHead(204, { 'cache-control': 'no-store' }).end();
      return;
    }
    this.#enterMode({ req, res, serve, openedMs, arrivedMs: this.#clock.monotonicMs() });
  }

  #enterMode(held: Held): void {
    const { req, res, serve } = held;
    const mode = this.#current;
    if (this.#closed) {
      this.#refuse(res, 'door-closing', 'the door closes');
      return;
    }
    switch (mode.mode) {
      case 'serve':
        this.#serve(req, res, serve);
        break;
      case 'forward':
        this.#meter.straggler(this.#originOf(req), held);
        this.#forward(req, res, mode);
        break;
      case 'cut':
        this.#refused += 1;
        this.#latency.turnedAway();
        req.destroy();
        break;
      case 'share':
        if (req.headers[headers.forwarded] === undefined && this.#split.goes(mode.share)) {
          this.#forward(req, res, { ...mode, mode: 'forward' });
        } else this.#serve(req, res, serve);
        break;
      case 'hold':
        if (!this.#held.add(held)) {
          this.#refuse(res, 'door-full', `${this.#held.size} requests wait already`);
        }
        break;
      default:
        assertNever(mode);
    }
  }

  status(): DoorStatus {
    return {
      region: this.region,
      current: this.#current,
      inFlight: this.#serving.now + this.#forwarding,
      held: this.#held.size,
      served: this.#served,
      forwarded: this.#forwarded,
      refused: this.#refused,
      peakConcurrency: this.#serving.peak(),
    };
  }

  stragglers(sinceEpoch: number): readonly EpochReport[] {
    return this.#meter.report(sinceEpoch);
  }

  connections(olderThanMs: number): ConnectionsReport {
    return this.#connections.report(olderThanMs);
  }

  latency(span: LatencySpan): readonly LatencyPiece[] {
    return this.#latency.report(span);
  }

  beacons(sinceWallMs: number): readonly BeaconReport[] {
    return this.#beacons.since(sinceWallMs);
  }

  set(mode: DoorMode, token: number): Promise<DoorStatus> {
    const answer = this.#commands.then(() => this.#command(mode, token));
    this.#commands = answer.catch(() => {});
    return answer;
  }

  close(): void {
    this.#closed = true;
    this.#holdTimer.abort();
    this.#release.end();
    for (const { res } of this.#held.takeAll())
      this.#refuse(res, 'door-closing', 'the door closes');
    this.#forwarder.close();
  }

  async #command(mode: DoorMode, token: number): Promise<DoorStatus> {
    this.#refuseOlder(mode, token);
    const rights = { epoch: mode.epoch, token };
    if (mode.mode === 'hold') this.#refuseLate(rights);
    if (endsByItself(mode)) {
      if (mode.mode === 'hold') this.#holder = { ...rights, over: false };
      // The mode is in force before it is durable: a crash could lose only the hold, which a crash
      // ends anyway.
      const before = this.#current;
      this.#enter(mode);
      const { mode: durable, sinceWallMs } = this.#durable;
      await this.#save({ mode: durable, ...rights, sinceWallMs }).catch((error: unknown) => {
        this.#enter(endsByItself(before) ? this.#durable.mode : before);
        throw error;
      });
    } else {
      const same = this.#durable.mode.mode === mode.mode && this.#durable.mode.epoch === mode.epoch;
      const sinceWallMs = same ? this.#durable.sinceWallMs : this.#clock.wallMs();
      await this.#save({ mode, ...rights, sinceWallMs });
      this.#enter(mode);
      if (this.#holder !== null) this.#holder.over = true;
    }
    return this.status();
  }

  /**
   * A run holds once. A hold that arrives after the run has released the door is a late copy, and
   * would close the door without a run that opens it again.
   */
  #refuseLate({ epoch, token }: Right): void {
    const holder = this.#holder;
    if (holder === null || !holder.over || holder.epoch !== epoch || holder.token !== token) return;
    const message = `the run of token ${token} has let go of ${this.region}'s door already`;
    throw trafficErrors.make('door-refused', message, { seen: { epoch, token } });
  }

  #refuseOlder(mode: DoorMode, token: number): void {
    const seen = { epoch: this.#durable.epoch, token: this.#durable.token };
    if (mode.epoch > seen.epoch || (mode.epoch === seen.epoch && token >= seen.token)) return;
    const message = `${this.region}'s door has seen epoch ${seen.epoch}, token ${seen.token}`;
    throw trafficErrors.make('door-refused', message, { seen, asked: { mode, token } });
  }

  async #save(state: DoorState): Promise<void> {
    await saveDoorState(this.#stateFile, state);
    this.#durable = state;
  }

  /** Puts a mode in force. Held requests are handled in that mode. */
  #enter(mode: DoorMode): void {
    if (this.#closed) return;
    this.#holdTimer.abort();
    this.#current = mode;
    if (endsByItself(mode)) {
      this.#holdTimer = new AbortController();
      this.#endAfter(mode, this.#holdTimer.signal);
    } else {
      this.#meter.begin(mode.epoch, mode.mode, this.#durable.sinceWallMs);
    }
    if (mode.mode === 'hold') this.#release.pause();
    // Read before the release, because the released requests are not part of the usual load.
    else this.#release.begin(this.#serving.peak());
  }

  /**
   * Ends a timed mode, because a controller that died must not leave a door closed; waiting clients
   * are told to retry.
   */
  #endAfter(mode: TimedMode, signal: AbortSignal): void {
    this.#clock.sleep(mode.maxMs, signal).then(
      () => {
        if (signal.aborted) return;
        const waited = this.#held.takeAll();
        const { mode: durable } = this.#durable;
        this.#enter(durable.mode === 'forward' ? durable : { mode: 'serve', epoch: mode.epoch });
        for (const { res } of waited) {
          this.#refuse(res, 'door-held-too-long', `no new mode within ${mode.maxMs} ms`);
        }
      },
      () => {},
    );
  }

  #serve(req: IncomingMessage, res: ServerResponse, serve: Serve): void {
    if (this.#serving.now >= this.#limits.maxServing) {
      this.#latency.turnedAway();
      this.#refuse(res, 'door-busy', `${this.#serving.now} requests are in service`);
      return;
    }
    if (req.headers[headers.forwarded] === undefined) this.#meter.direct();
    else timeHead(res, this.#clock);
    this.#served += 1;
    this.#serving.enter();
    this.#latency.watch(res);
    res.once('close', () => this.#serving.leave());
    res.setHeader(headers.region, this.region);
    res.setHeader(headers.epoch, String(this.#current.epoch));
    this.#run(req, res, serve).catch((error: unknown) => {
      // The handler's own error: its message goes to the log, not to a client.
      process.emitWarning(error instanceof Error ? error : String(error));
      if (res.headersSent) res.destroy();
      else res.writeHead(500).end();
    });
  }

  async #run(req: IncomingMessage, res: ServerResponse, serve: Serve): Promise<void> {
    await serve(req, res);
  }

  #forward(
    req: IncomingMessage,
    res: ServerResponse,
    mode: Extract<DoorMode, { mode: 'forward' }>,
  ): void {
    if (this.#forwarding >= this.#limits.maxForwarding) {
      this.#refuse(res, 'door-busy', `${this.#forwarding} requests are being forwarded`);
      return;
    }
    this.#forwarding += 1;
    this.#forwarder.forward(req, res, mode).then(({ answered, addedMs }) => {
      this.#forwarding -= 1;
      if (addedMs !== null) this.#meter.added(addedMs);
      if (answered) this.#forwarded += 1;
      else this.#refused += 1;
    });
  }

  #refuse(
    res: ServerResponse,
    code: 'door-busy' | 'door-closing' | 'door-full' | 'door-held-too-long',
    message: string,
  ) {
    this.#refused += 1;
    refuse(res, {
      status: 503,
      error: trafficErrors.make(code, message),
      region: this.region,
      epoch: this.#current.epoch,
      closeConnection: code === 'door-closing',
    });
  }
}

interface Held {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly serve: Serve;
  /** Monotonic ms at which its connection was opened. */
  readonly openedMs: number;
  /** Monotonic ms at which the request came. */
  readonly arrivedMs: number;
}
