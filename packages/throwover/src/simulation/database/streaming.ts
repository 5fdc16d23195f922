import type { EventQueue, Random } from '../../kernel/kernel.ts';
import type { SimProcess } from '../world/machine.ts';
import type { Network } from '../world/network.ts';
import type { Copy } from './history-of-writes.ts';

/** Time between two attempts to stream after the link was closed, ms. */
const streamAgainMs = 400;

/** Share of these moments at which the log grows without a transaction. */
const noiseShare = 0.04;

/** The part of a server that streaming uses. */
export interface StreamingServer {
  readonly region: string;
  readonly copy: Copy;
  readonly process: SimProcess | null;
  readonly running: boolean;
  readonly machine: { readonly still: boolean };
  noise(): void;
  follows(source: StreamingServer): boolean;
  receive(source: StreamingServer, sent: Copy): boolean;
  /** Returns whether a commit was waiting for the answer. */
  standbyAnswered(): boolean;
}

/**
 * Streaming from a primary to its standby, and the answers: each time the newest state, one
 * direction at a time.
 */
export class Streaming {
  /** Last reported position on the standby's disk; `null` while there is no standby. */
  standbyHas: number | null = null;
  /** The servers that may stream from here; set once, by the world. */
  peers: readonly StreamingServer[] = [];
  /** Fault: additional lag, ms. */
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

  /** Starts streaming again and again, and lets the log grow a little without transactions. */
  begin(process: SimProcess): void {
    this.standbyHas = null;
    const again = () => {
      let grows = false;
      process.deliver(() => {
        this.pump();
        grows = this.#random.next() < noiseShare;
        if (grows) this.#server.noise();
      });
      if (process.alive) this.#queue.after(streamAgainMs, again);
      if (!grows) this.#queue.nothingMoved();
    };
    this.#queue.after(streamAgainMs * this.#random.next(), again);
  }

  /** Sends the data on disk to a standby that follows. */
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
      this.#queue.nothingMoved();
      if (!standby.follows(server)) return;
      standby.process?.deliver(() => {
        if (!standby.receive(server, sent)) return;
        this.#hears(standby);
        this.pump();
      });
    });
  }

  /** Delivers the standby's answer to the primary. */
  #hears(standby: StreamingServer): void {
    const server = this.#server;
    const { branch, lsn } = standby.copy;
    this.#queue.after(this.#network.latencyMs(standby.region, server.region), () => {
      let awaited = false;
      if (this.#network.open(standby.region, server.region)) {
        server.process?.deliver(() => {
          if (server.copy.branch !== branch) return;
          this.standbyHas = Math.max(this.standbyHas ?? 0, lsn);
          awaited = server.standbyAnswered();
        });
      }
      if (!awaited) this.#queue.nothingMoved();
    });
  }
}
