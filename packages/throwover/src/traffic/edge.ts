/**
 * A region's front door: the data path of doors, on node:http.
 *
 *   edge.ts          modes, counting, commands
 *   hold-queue.ts    requests that wait for the next mode
 *   forward.ts       streaming proxy for stragglers
 *   concurrency.ts   peak of the last 60 s
 *   door-state.ts    what survives a crash
 *   door-admin.ts    GET and PUT /v1/door
 *
 * It runs and restarts without the control plane (A5): the mode is on disk, and a hold ends by itself.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { headers } from '@throwover/client';
import { assertNever, type Clock } from '../kernel/kernel.ts';
import { Concurrency } from './concurrency.ts';
import type { DoorMode, DoorStatus } from './door.ts';
import type { DoorControl } from './door-admin.ts';
import { refuse } from './door-answers.ts';
import { type DoorState, loadDoorState, saveDoorState } from './door-state.ts';
import { trafficErrors } from './errors.ts';
import { Forwarder } from './forward.ts';
import { HoldQueue } from './hold-queue.ts';

export type { DoorMode, DoorStatus } from './door.ts';
export { createDoorAdmin } from './door-admin.ts';

/** Hands a request to the region's own application. The door counts until the answer is sent. */
export type Serve = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>;

export interface EdgeOptions {
  readonly region: string;
  readonly clock: Clock;
  /** Where the mode is kept; its directory is made when it is not there. */
  readonly stateFile: string;
  /** Epoch that a door without a state file serves in. */
  readonly epoch: number;
}

/** One door. `handle` goes into `http.createServer`. */
export interface Edge extends DoorControl {
  handle(req: IncomingMessage, res: ServerResponse, serve: Serve): void;
  /** Refuses what is held and forgets its connections; the server is the caller's to close. */
  close(): void;
}

export async function createEdge(options: EdgeOptions): Promise<Edge> {
  const saved = await loadDoorState(options.stateFile);
  const { epoch } = options;
  return new Door(options, saved ?? { mode: { mode: 'serve', epoch }, epoch, token: 0 });
}

class Door implements Edge {
  readonly region: string;
  readonly #clock: Clock;
  readonly #stateFile: string;
  readonly #forwarder: Forwarder;
  readonly #held = new HoldQueue<Serve>();
  readonly #serving: Concurrency;
  #current: DoorMode;
  #durable: DoorState;
  /** Ends the timer of the hold that is in force. */
  #holdTimer = new AbortController();
  /** Commands are taken one after another. */
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
    this.#durable = state;
    this.#current = state.mode;
  }

  handle(req: IncomingMessage, res: ServerResponse, serve: Serve): void {
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
        this.#forward(req, res, mode);
        break;
      case 'hold':
        if (!this.#held.add({ req, res, serve })) {
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

  set(mode: DoorMode, token: number): Promise<DoorStatus> {
    const answer = this.#commands.then(() => this.#command(mode, token));
    this.#commands = answer.catch(() => {});
    return answer;
  }

  close(): void {
    this.#closed = true;
    this.#holdTimer.abort();
    for (const { res } of this.#held.takeAll())
      this.#refuse(res, 'door-closing', 'the door closes');
    this.#forwarder.close();
  }

  async #command(mode: DoorMode, token: number): Promise<DoorStatus> {
    this.#refuseOlder(mode, token);
    const rights = { epoch: mode.epoch, token };
    if (mode.mode === 'hold') {
      // In force before it is durable: what is lost in a crash is the hold, which a crash ends anyway.
      const before = this.#current;
      this.#enter(mode);
      await this.#save({ mode: this.#durable.mode, ...rights }).catch((error: unknown) => {
        this.#enter(before.mode === 'hold' ? this.#durable.mode : before);
        throw error;
      });
    } else {
      await this.#save({ mode, ...rights });
      this.#enter(mode);
    }
    return this.status();
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

  /** Puts a mode in force. Held requests go into it in the order in which they came. */
  #enter(mode: DoorMode): void {
    if (this.#closed) return;
    this.#holdTimer.abort();
    this.#current = mode;
    if (mode.mode === 'hold') {
      this.#holdTimer = new AbortController();
      this.#endHoldAfter(mode, this.#holdTimer.signal);
      return;
    }
    for (const { req, res, serve } of this.#held.takeAll()) this.handle(req, res, serve);
  }

  /** A controller that died must not leave a door closed: those who waited are told to come again. */
  #endHoldAfter(mode: Extract<DoorMode, { mode: 'hold' }>, signal: AbortSignal): void {
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
    this.#served += 1;
    this.#serving.enter();
    res.once('close', () => this.#serving.leave());
    res.setHeader(headers.region, this.region);
    res.setHeader(headers.epoch, String(this.#current.epoch));
    this.#run(req, res, serve).catch((error: unknown) => {
      // The handler's own error; its words go to the log, not to a client.
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
    this.#forwarding += 1;
    this.#forwarder.forward(req, res, mode).then((answered) => {
      this.#forwarding -= 1;
      if (answered) this.#forwarded += 1;
      else this.#refused += 1;
    });
  }

  #refuse(
    res: ServerResponse,
    code: 'door-closing' | 'door-full' | 'door-held-too-long',
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
