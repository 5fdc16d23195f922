import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  request,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../kernel/kernel.ts';
import { createEdge, type Edge, type Serve } from './edge.ts';

/** Everything that a test starts; `end` stops it again. */
export class World {
  readonly #ends: (() => Promise<unknown> | unknown)[] = [];

  async directory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'throwover-edge-'));
    this.#ends.push(() => rm(path, { recursive: true }));
    return path;
  }

  async listen(listener: RequestListener): Promise<{ url: string; server: Server }> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#ends.push(() => {
      server.closeAllConnections();
      return server.listening ? new Promise((resolve) => server.close(resolve)) : null;
    });
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  async door(options: {
    region: string;
    serve: Serve;
    clock?: Clock;
    stateFile?: string;
  }): Promise<{ edge: Edge; url: string; stateFile: string }> {
    const stateFile = options.stateFile ?? join(await this.directory(), 'door', 'state.json');
    const { region, serve } = options;
    const clock = options.clock ?? systemClock;
    const edge = await createEdge({ region, clock, stateFile, epoch: 1 });
    const { url } = await this.listen((req, res) => edge.handle(req, res, serve));
    this.#ends.push(() => edge.close());
    return { edge, url, stateFile };
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends one request on a separate connection. */
export async function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options;
  const out = request(url, { method, headers, agent: false });
  out.end(body);
  const [answer] = await once(out, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: Buffer.concat(chunks).toString(),
  };
}

export function codeOf(answer: Answer): string {
  return JSON.parse(answer.body).code;
}

/** Waits for a condition; the test's own timeout is the bound. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await systemClock.sleep(5);
}
