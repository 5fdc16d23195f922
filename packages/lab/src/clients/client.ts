import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import type { LookupFunction } from 'node:net';
import { headers } from '@throwover/client';
import type { RequestRecord } from 'throwover';
import type { Clock, Endpoint } from 'throwover/kernel';
import { type ReadSeen, readSeenHeader } from '../checkout/read-seen.ts';
import { assetPath } from '../door/assets.ts';
import {
  type ClientRecord,
  type OwnRead,
  type OwnWrites,
  ownOutcome,
  readSeenIn,
} from './own-reads.ts';
import { PooledAgent } from './pooled-agent.ts';
import { RuntimeCache } from './runtime-cache.ts';

/**
 * Longest wait for one query to the resolver, ms, and number of tries: as a stub resolver, but
 * shorter.
 */
const lookupTimeoutMs = 1_000;
const lookupTries = 2;

export interface ClientOptions {
  readonly name: string;
  readonly hostname: string;
  readonly port: number;
  readonly resolver: { readonly port: number; readonly behaviour: string };
  readonly addresses: Readonly<Record<string, string>>;
  /** Keeps connections open for at most this long, ms; `null`: a new connection for each request. */
  readonly keepAliveMs: number | null;
  /** How long its runtime caches an address, ms; `null`: it asks for every connection. */
  readonly runtimeCacheMs: number | null;
  /** Address that it claims to have, since all connections of a lab come from one machine. */
  readonly from: string;
  /** `null`: checkout gives no tokens. */
  readonly own: OwnWrites | null;
  /** Longest time for one request, from the lookup to the last byte, ms. */
  readonly patienceMs: number;
  readonly clock: Clock;
}

/** An acknowledged write, with its time by the monotonic clock. */
interface Acknowledged {
  readonly key: string;
  readonly token: string | null;
  readonly atMs: number;
}

interface Answer {
  readonly status: number;
  readonly region: string | null;
  readonly forwarded: boolean;
  readonly body: string;
  /** Empty: the client is told to forget its token. `null`: the answer does not mention tokens. */
  readonly token: string | null;
  readonly seen: ReadSeen | null;
}

interface Message {
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Target in place of the service's own name. */
  readonly to?: Endpoint;
}

interface Attempt {
  readonly outcome: Answer | { readonly error: string };
  readonly sentMs: number;
  readonly endMs: number;
  /** Address that was connected to, or tried. */
  readonly address: string | null;
  readonly reused: boolean;
  readonly cached: boolean;
}

/**
 * One client: writes orders, reads its own writes, and records what it saw.
 *
 * It asks its resolver for every connection and caches nothing, unless its runtime does. It makes
 * one attempt for each request, and never a hidden second one.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #resolver = new Resolver({ timeout: lookupTimeoutMs, tries: lookupTries });
  readonly #agent: Agent;
  readonly #cache: RuntimeCache | null;
  /** The last acknowledged write. */
  #acknowledged: Acknowledged | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#resolver.setServers([`127.0.0.1:${options.resolver.port}`]);
    const { runtimeCacheMs, clock } = options;
    this.#cache = runtimeCacheMs === null ? null : new RuntimeCache(runtimeCacheMs, clock);
    this.#agent =
      options.keepAliveMs === null
        ? new Agent({ keepAlive: false })
        : new PooledAgent(options.keepAliveMs, options.clock);
  }

  /** Writes an order with its own key. */
  async write(key: string): Promise<ClientRecord> {
    const attempt = await this.#send('POST', '/orders', {
      headers: { 'idempotency-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({ amount: 1250, currency: 'eur' }),
    });
    const ok = statusOf(attempt) >= 200 && statusOf(attempt) <= 299;
    const token = tokenIn(attempt);
    if (ok) this.#acknowledged = { key, token, atMs: this.#options.clock.monotonicMs() };
    const record = this.#record(attempt, { kind: 'write', key, ok, stale: false });
    return token === null ? record : { ...record, token };
  }

  /** Reads the last acknowledged write of this client; a list when there is none yet. */
  async read(): Promise<ClientRecord> {
    const write = this.#acknowledged;
    return write === null ? this.list() : this.#readOwn(write, 'door');
  }

  /**
   * Reads it at the read service of its own region; `null` when there is none, or nothing to read.
   */
  async readAtHome(): Promise<ClientRecord | null> {
    const write = this.#acknowledged;
    return write === null || this.#options.own === null ? null : this.#readOwn(write, 'home');
  }

  async #readOwn(write: Acknowledged, path: OwnRead['path']): Promise<ClientRecord> {
    const { own, clock } = this.#options;
    const { key, token } = write;
    const sinceMs = clock.monotonicMs() - write.atMs;
    const carried = own?.carries === true && token !== null;
    const attempt = await this.#send('GET', `/orders/${encodeURIComponent(key)}`, {
      ...(carried ? { headers: { [headers.token]: token } } : {}),
      ...(own !== null && path === 'home' ? { to: own.home } : {}),
    });
    // It was told that the write is lost and forgets it, unless it has written again meanwhile.
    if (tokenIn(attempt) === '' && this.#acknowledged === write) this.#acknowledged = null;
    const status = statusOf(attempt);
    const answer = 'body' in attempt.outcome ? attempt.outcome : null;
    const ok = status === 200 && answer?.body.includes(key) === true;
    const record = this.#record(attempt, { kind: 'read', key, ok, stale: status === 404 });
    if (own === null) return record;
    const seen = answer?.seen ?? null;
    const outcome = ownOutcome(status, ok, seen);
    return { ...record, own: { carried, path, outcome, seen, sinceMs } };
  }

  list(): Promise<RequestRecord> {
    return this.#get('/orders?limit=5');
  }

  /** Asks for a file that the door itself answers; it is recorded as a list. */
  asset(): Promise<RequestRecord> {
    return this.#get(`${assetPath}checkout.css`);
  }

  async #get(path: string): Promise<RequestRecord> {
    const attempt = await this.#send('GET', path);
    const ok = statusOf(attempt) === 200;
    return this.#record(attempt, { kind: 'list', key: null, ok, stale: false });
  }

  /**
   * Tells the door which resolver this client uses: it resolves a new name, then asks the door for
   * the same name. A failure is ignored, and this is not a request of the recording.
   */
  async beacon(nonce: string, zone: string): Promise<void> {
    const { hostname, port, from, patienceMs } = this.#options;
    try {
      await this.#resolver.resolve4(`${nonce}.b.${zone}`);
      const [host] = await this.#resolver.resolve4(hostname);
      const path = `/.well-known/throwover-beacon/${nonce}`;
      const headers = { host: hostname, 'x-forwarded-for': from };
      const signal = AbortSignal.timeout(patienceMs);
      const out = request({ host, port, path, agent: false, headers, signal }).end();
      const [answer] = await once(out, 'response');
      answer.resume();
    } catch {
      // The name server is unreachable, or the region is lost.
    }
  }

  close(): void {
    this.#resolver.cancel();
    this.#agent.destroy();
  }

  #send(method: string, path: string, message: Message = {}): Promise<Attempt> {
    const { hostname, clock, from, patienceMs } = this.#options;
    const { host, port } = message.to ?? { host: hostname, port: this.#options.port };
    const sentMs = clock.wallMs();
    let lookedUp: string | null = null;
    let cached = false;
    const body = message.body ?? '';
    return new Promise((resolve) => {
      const outgoing = request({
        host,
        port,
        method,
        path,
        agent: this.#agent,
        lookup: this.#lookup((address, kept) => {
          lookedUp = address;
          cached = kept;
        }),
        signal: AbortSignal.timeout(patienceMs),
        headers: {
          ...message.headers,
          'x-forwarded-for': from,
          'content-length': Buffer.byteLength(body),
        },
      });
      const end = (outcome: Attempt['outcome']) =>
        resolve({
          outcome,
          sentMs,
          endMs: clock.wallMs(),
          address: outgoing.socket?.remoteAddress ?? peers.get(outgoing) ?? lookedUp,
          reused: outgoing.reusedSocket,
          cached,
        });
      outgoing.on('socket', (socket) => {
        if (socket.remoteAddress !== undefined) peers.set(outgoing, socket.remoteAddress);
      });
      outgoing.on('error', (error) => end({ error: codeOf(error) }));
      outgoing.on('response', (response) => {
        readAnswer(response).then(end, (error: unknown) => end({ error: codeOf(error) }));
      });
      outgoing.end(body);
    });
  }

  #lookup(found: (address: string, cached: boolean) => void): LookupFunction {
    return (hostname, options, done) => {
      const connectTo = (address: string, cached: boolean) => {
        found(address, cached);
        if (options.all) done(null, [{ address, family: 4 }]);
        else done(null, address, 4);
      };
      const kept = this.#cache?.address() ?? null;
      if (kept !== null) return connectTo(kept, true);
      this.#resolver.resolve4(hostname).then(
        ([address]) => {
          if (address === undefined) {
            done(Object.assign(new Error('an empty answer'), { code: 'ENODATA' }), '', 4);
            return;
          }
          this.#cache?.keep(address);
          connectTo(address, false);
        },
        (error: NodeJS.ErrnoException) => done(error, '', 4),
      );
    };
  }

  #record(
    { outcome, sentMs, endMs, address, reused, cached }: Attempt,
    seen: Pick<RequestRecord, 'kind' | 'key' | 'ok' | 'stale'>,
  ): RequestRecord {
    const { name, resolver, addresses } = this.#options;
    const entry = address === null ? null : (addresses[address] ?? null);
    const answer = 'error' in outcome ? null : outcome;
    const region = answer?.region ?? null;
    const elsewhere = region !== null && entry !== null && region !== entry;
    return {
      type: 'request',
      client: name,
      ...seen,
      sentMs,
      endMs,
      status: answer?.status ?? 0,
      error: 'error' in outcome ? outcome.error : codeIn(outcome),
      region,
      entry,
      forwarded: elsewhere || answer?.forwarded === true,
      reused,
      resolver: resolver.behaviour,
      ...(this.#cache === null ? {} : { cached }),
    };
  }
}

/** The address that a request was connected to, kept after its socket is gone. */
const peers = new WeakMap<object, string>();

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const region = response.headers[headers.region];
  const token = response.headers[headers.token];
  return {
    status: response.statusCode ?? 0,
    region: typeof region === 'string' ? region : null,
    forwarded: response.headers[headers.forwarded] !== undefined,
    body: Buffer.concat(chunks).toString('utf8'),
    token: typeof token === 'string' ? token : null,
    seen: readSeenIn(response.headers[readSeenHeader]),
  };
}

const tokenIn = ({ outcome }: Attempt) => ('error' in outcome ? null : outcome.token);
const statusOf = ({ outcome }: Attempt) => ('error' in outcome ? 0 : outcome.status);

/** Returns the code in an answer's `{ error: { code } }`; `null` where there is none. */
function codeIn({ status, body }: Answer): string | null {
  return status < 400 ? null : (/"code":"([a-z-]+)"/.exec(body)?.[1] ?? null);
}

function codeOf(error: unknown): string {
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (name === 'AbortError' || name === 'TimeoutError') return 'timeout';
  return code ?? message;
}
