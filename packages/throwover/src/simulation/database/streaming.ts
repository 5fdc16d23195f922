import type { EventQueue, Random } from '../../kernel/kernel.ts';
import type { SimProcess } from '../world/machine.ts';
import type { Network } from '../world/network.ts';
import type { Copy } from './history-of-writes.ts';

/** Time between two attempts to stream after the way was shut, ms. */
const streamAgainMs = 400;

/** Share of these moments at which the log grows by itself. */
const noiseShare = 0.04;

/** A server, as far as streaming goes. */
export interface StreamingServer {
  readonly region: string;
  readonly copy: Copy;
  readonly process: SimProcess | null;
  readonly running: boolean;
  readonly machine: { readonly still: boolean };
  noise(): void;
  follows(source: StreamingServer): boolean;
  receive(source: StreamingServer, sent: Copy): boolean;
  standbyAnswered(): void;
}

/** What a primary sends to its standby, and hears from it: the newest state each time, one way at a time. */
export class Streaming {
  /** What the standby has on disk, as it said; `null` while none is there. */
  standbyHas: number | null = null;
  /** The servers that may stream from here: told once, by the world. */
  peers: readonly StreamingServer[] = [];
  /** A fault of the world. */
  lagMs = 0;
  readonly #server: StreamingServer;
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #network: Network;
  #sending = false;

  constructor(
    server: StreamingServer,
    { queue, random, network }: { queue: EventQueue; random: Random; network: Network },
  ) {
    this.#server = server;
    this.#queue = queue;
    this.#random = random;
    this.#network = network;
  }

  /** Streaming is taken up again, and the log grows a little by itself. */
  begin(process: SimProcess): void {
    this.standbyHas = null;
    const again = () => {
      process.deliver(() => {
        this.pump();
        if (this.#random.next() < noiseShare) this.#server.noise();
      });
      if (process.alive) this.#queue.after(streamAgainMs, again);
    };
    this.#queue.after(streamAgainMs * this.#random.next(), again);
  }

  /** Sends what is on disk to a standby that follows. */
  pump(): void {
    const server = this.#server;
    if (this.#sending || !server.running || server.machine.still) return;
    const standby = this.peers.find((peer) => peer.follows(server));
    if (standby === undefined) {
      this.standbyHas = null;
      return;
    }
    const sent = server.copy;
    if (standby.copy.branch === sent.branch && standby.copy.lsn >= sent.lsn) {
      this.#hears(standby);
      return;
    }
    this.#sending = true;
    const ms = this.#network.latencyMs(server.region, standby.region) + this.lagMs;
    this.#queue.after(ms, () => {
      this.#sending = false;
      if (!standby.follows(server)) return;
      standby.process?.deliver(() => {
        if (!standby.receive(server, sent)) return;
        this.#hears(standby);
        this.pump();
      });
    });
  }

  /** The standby's answer is on its way. */
  #hears(standby: StreamingServer): void {
    const server = this.#server;
    const { branch, lsn } = standby.copy;
    this.#queue.after(this.#network.latencyMs(standby.region, server.region), () => {
      if (!this.#network.open(standby.region, server.region)) return;
      server.process?.deliver(() => {
        if (server.copy.branch !== branch) return;
        this.standbyHas = Math.max(this.standbyHas ?? 0, lsn);
        server.standbyAnswered();
      });
    });
  }
}
