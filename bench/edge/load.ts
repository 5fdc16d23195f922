/**
 * Process: a closed loop of GETs on bare sockets, as cheap as possible, so that the proxy is the
 * measured part. A command is one message, and its answer is one message.
 */
import { connect, type Socket } from 'node:net';
import { quantiles } from 'throwover/kernel';

export interface LoadCommand {
  readonly port: number;
  readonly connections: number;
  readonly durationMs: number;
  /** Requests per second of all connections together; null: as fast as the answers come. */
  readonly ratePerSecond: number | null;
  /** Opens a new connection for each request; the proxy closes it. */
  readonly close: boolean;
}

export type LoadFigures = Awaited<ReturnType<typeof load>>;

const request = Buffer.from('GET /orders?limit=5 HTTP/1.1\r\nHost: shop.example.test\r\n\r\n');

/**
 * Number of source addresses: one address has only 28,000 ports, each of which rests for a minute
 * after use.
 */
const sources = 50;

async function load(command: LoadCommand) {
  const { connections, durationMs, ratePerSecond } = command;
  const startedMs = performance.now();
  const endMs = startedMs + durationMs;
  const latencies: number[] = [];
  let failed = 0;
  const everyMs = ratePerSecond === null ? 0 : (connections * 1_000) / ratePerSecond;
  const client = async (index: number) => {
    const way = new Way(command, index);
    let dueMs = startedMs + (everyMs * index) / connections;
    while (performance.now() < endMs) {
      if (everyMs > 0) {
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      } else dueMs = performance.now();
      // A timer may fire a little early, so the time counts from the due time, or from the sending
      // if that is earlier.
      const sinceMs = Math.min(dueMs, performance.now());
      try {
        await way.ask();
        latencies.push(performance.now() - sinceMs);
      } catch {
        failed += 1;
      }
      dueMs += everyMs;
    }
    way.end();
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => client(index)));
  const seconds = (performance.now() - startedMs) / 1_000;
  const all = quantiles(latencies);
  return {
    requestsPerSecond: latencies.length / seconds,
    p50Ms: all?.p50 ?? Number.NaN,
    p99Ms: all?.p99 ?? Number.NaN,
    failed,
  };
}

/** One client's connection, opened when it is needed. */
class Way {
  readonly #command: LoadCommand;
  readonly #localAddress: string;
  #socket: Socket | null = null;

  constructor(command: LoadCommand, index: number) {
    this.#command = command;
    this.#localAddress = `127.0.1.${100 + (index % sources)}`;
  }

  ask(): Promise<void> {
    const socket = this.#socket ?? this.#open();
    return new Promise((resolve, reject) => {
      let text = '';
      let whole: number | null = null;
      const done = (error: Error | null) => {
        socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
        socket.on('error', () => {});
        if (error !== null || this.#command.close) this.end();
        if (error === null) resolve();
        else reject(error);
      };
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (whole === null) {
          const head = text.indexOf('\r\n\r\n');
          if (head < 0) return;
          const length = /content-length: (\d+)/i.exec(text.slice(0, head))?.[1];
          if (!text.startsWith('HTTP/1.1 200') || length === undefined) {
            done(new Error(text.slice(0, 80)));
            return;
          }
          whole = head + 4 + Number(length);
        }
        if (text.length >= whole) done(null);
      });
      socket.once('error', done);
      socket.once('close', () => done(new Error('closed')));
      socket.write(request);
    });
  }

  end(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    const { port } = this.#command;
    this.#socket = connect({ port, host: '127.0.0.1', localAddress: this.#localAddress });
    this.#socket.setNoDelay(true);
    return this.#socket;
  }
}

process.on('message', (command: LoadCommand) => {
  load(command).then((figures) => process.send?.(figures));
});
process.once('disconnect', () => process.exit());
process.send?.('ready');
