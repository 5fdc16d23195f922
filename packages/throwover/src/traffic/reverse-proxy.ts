import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { endToEnd } from '@throwover/client';
import { type Dispatcher, errors, Pool } from 'undici';
import type { Clock } from '../kernel/kernel.ts';
import { hasBody, targetOf } from './proxied-request.ts';
import { type IsTrusted, trustedProxies, unbelievedHeaders } from './trusted-proxies.ts';

/**
 * Most connections to one origin; further requests wait for one, and the door bounds their number.
 */
const maxConnections = 512;

/**
 * Most origins whose connections are kept: the own application, and an active region before and
 * after a switch.
 */
const maxOrigins = 4;

/**
 * Longest time to connect, ms: ten round trips of 100 ms; a region that was cut off does not
 * answer.
 */
const connectTimeoutMs = 1_000;

/** Attempts to connect; with the pause they bridge a restart of the link, but not of a region. */
const connectAttempts = 3;
const connectPauseMs = 100;

/** Longest time without a byte from the other side, ms: the usual limit of a load balancer. */
const idleTimeoutMs = 60_000;

/** Changes to a request on its way, besides dropping headers that belong to one connection. */
export interface Passing {
  /** Base URL of the other side. */
  readonly to: URL;
  /** Lower-case names of headers that are not passed on. */
  readonly dropped: ReadonlySet<string>;
  /** Headers that are added, as raw pairs; beside those that tell of the client. */
  readonly added?: readonly string[];
  /** Called once with the answer's raw pairs before they are sent; may change them. */
  readonly onHead: (raw: string[], status: number) => void;
}

/** `answered`: the client got an answer, or went away. */
export type Passed =
  | { readonly outcome: 'answered' }
  | {
      readonly outcome: 'failed';
      /** True if no connection was made, so the request cannot have been carried out. */
      readonly notSent: boolean;
      readonly cause: Error;
    };

/**
 * Streams requests to other origins and their answers back, over kept connections; buffers no body
 * in either direction.
 *
 * Sends a request again only if no part of it can have arrived (no connection was made), or if it
 * is a GET or HEAD without a body whose connection ended before the first byte of an answer.
 */
export class ReverseProxy {
  readonly #clock: Clock;
  readonly #isTrusted: IsTrusted;
  readonly #pools = new Map<string, Pool>();
  readonly #closing = new AbortController();

  /** `trusted`: networks (CIDR) of proxies; what others say of a client is not passed on. */
  constructor({ clock, trusted }: { clock: Clock; trusted: readonly string[] }) {
    this.#clock = clock;
    this.#isTrusted = trustedProxies(trusted);
  }

  /**
   * Passes a request on; never rejects. If the result is `failed`, no answer was sent, and the
   * caller must answer on `res`.
   */
  async pass(req: IncomingMessage, res: ServerResponse, passing: Passing): Promise<Passed> {
    const body = hasBody(req);
    const headers = requestHeaders(req, passing, this.#isTrusted);
    const repeatable = !body && (req.method === 'GET' || req.method === 'HEAD');
    for (let attempt = 1; ; attempt++) {
      const passed = await this.#attempt({ req, res, passing, headers, body });
      if (passed.outcome === 'answered') return passed;
      const again = passed.notSent || repeatable;
      if (!again || attempt >= connectAttempts || res.destroyed) return passed;
      if (!(await this.#pause())) return passed;
    }
  }

  /** Stops: requests on their way may end, and nothing is retried. */
  close(): void {
    this.#closing.abort(new Error('the door closes'));
    for (const pool of this.#pools.values()) void pool.close();
    this.#pools.clear();
  }

  #attempt(way: Way): Promise<Passed> {
    return new Promise((resolve) => {
      const { req, passing, headers, body } = way;
      this.#pool(passing.to).dispatch(
        {
          path: pathOf(req, passing.to),
          method: (req.method ?? 'GET') as Dispatcher.HttpMethod,
          headers,
          body: body ? req : null,
        },
        new Answer(way, resolve),
      );
    });
  }

  #pool({ origin }: URL): Pool {
    const found = this.#pools.get(origin);
    if (found !== undefined) return found;
    const pool = new Pool(origin, {
      connections: maxConnections,
      pipelining: 1,
      connect: { timeout: connectTimeoutMs },
      headersTimeout: idleTimeoutMs,
      bodyTimeout: idleTimeoutMs,
    });
    this.#pools.set(origin, pool);
    const [oldest] = this.#pools;
    if (this.#pools.size > maxOrigins && oldest !== undefined) {
      this.#pools.delete(oldest[0]);
      // Lets requests on their way end.
      void oldest[1].close();
    }
    return pool;
  }

  #pause(): Promise<boolean> {
    return this.#clock.sleep(connectPauseMs, this.#closing.signal).then(
      () => true,
      () => false,
    );
  }
}

interface Way {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly passing: Passing;
  readonly headers: string[];
  readonly body: boolean;
}

/**
 * One answer on its way back, at the client's own speed: it is paused while the client does not
 * read.
 */
class Answer implements Dispatcher.DispatchHandler {
  readonly #way: Way;
  readonly #res: ServerResponse;
  readonly #resolve: (passed: Passed) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #left = false;

  constructor(way: Way, resolve: (passed: Passed) => void) {
    this.#way = way;
    this.#res = way.res;
    this.#resolve = resolve;
    this.#res.once('close', this.#leave);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#left) controller.abort(new Error('the client left'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    _headers: unknown,
    statusMessage?: string,
  ): void {
    if (statusCode < 200) return;
    const raw = rawPairs(controller.rawHeaders);
    const kept = endToEnd(raw, connectionOf(raw), none);
    this.#way.passing.onHead(kept, statusCode);
    writeHead(this.#way.req, this.#res, statusCode, statusMessage ?? '', kept);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return;
    controller.pause();
    this.#res.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#end();
    this.#res.end();
    this.#resolve({ outcome: 'answered' });
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    this.#end();
    if (this.#res.headersSent || this.#left) {
      // Break the answer off for the client too: it must not take a part for the whole.
      this.#res.destroy();
      this.#resolve({ outcome: 'answered' });
      return;
    }
    const notSent = this.#controller === null && !(cause instanceof errors.InvalidArgumentError);
    this.#resolve({ outcome: 'failed', notSent, cause });
  }

  readonly #leave = () => {
    this.#left = true;
    this.#controller?.abort(new Error('the client left'));
  };

  #end(): void {
    this.#res.off('close', this.#leave);
  }
}

const none: ReadonlySet<string> = new Set();

/** Header bytes are latin1, as Node reads and writes them. */
function rawPairs(given: Dispatcher.DispatchController['rawHeaders']): readonly string[] {
  if (!Array.isArray(given)) return [];
  return (given as readonly (Buffer | string)[]).map((part) =>
    typeof part === 'string' ? part : part.toString('latin1'),
  );
}

function requestHeaders(
  req: IncomingMessage,
  { to, dropped, added = [] }: Passing,
  isTrusted: IsTrusted,
): string[] {
  const unbelieved = unbelievedHeaders(req, isTrusted);
  const left = unbelieved.length === 0 ? dropped : new Set([...dropped, ...unbelieved]);
  const kept = endToEnd(req.rawHeaders, req.headers.connection, left);
  if (req.headers.host === undefined) {
    const authority = req.headers[':authority'];
    kept.push('Host', typeof authority === 'string' ? authority : to.host);
  }
  kept.push('X-Forwarded-For', req.socket.remoteAddress ?? 'unknown');
  if (req.headers['x-forwarded-proto'] === undefined || left.has('x-forwarded-proto')) {
    kept.push('X-Forwarded-Proto', (req.socket as TLSSocket).encrypted ? 'https' : 'http');
  }
  kept.push(...added);
  return kept;
}

function pathOf(req: IncomingMessage, to: URL): string {
  return `${to.pathname === '/' ? '' : to.pathname.replace(/\/$/, '')}${targetOf(req)}`;
}

function connectionOf(raw: readonly string[]): string | undefined {
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() === 'connection') return raw[i + 1];
  }
  return undefined;
}

/**
 * HTTP/2 has no reason phrase and no `Connection`, and takes several values of a header as a list.
 */
function writeHead(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  message: string,
  raw: readonly string[],
): void {
  if (req.httpVersionMajor < 2) {
    res.writeHead(status, message, [...raw]);
    return;
  }
  for (let i = 0; i < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i]?.toLowerCase(), raw[i + 1]];
    if (name === 'connection') continue;
    const before = res.getHeader(name);
    if (before === undefined) res.setHeader(name, value);
    else res.setHeader(name, [before, value].flat().map(String));
  }
  res.writeHead(status);
}
