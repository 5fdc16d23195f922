import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import { pipeline } from 'node:stream';
import { headers } from '@throwover/client';
import type { Clock, ThrowoverError } from '../kernel/kernel.ts';
import type { DoorMode } from './door.ts';
import { refuse } from './door-answers.ts';
import { trafficErrors } from './errors.ts';

/**
 * A streaming reverse proxy for stragglers.
 *
 * Sends a request again only when nothing of it can have arrived (no connection was made), or when it
 * is a GET or HEAD whose idle connection the other side had closed. Otherwise the client is told that
 * the outcome is unknown. Answers close the client's connection, so that a
 * pinned client looks the name up again.
 */
export type ForwardMode = Extract<DoorMode, { mode: 'forward' }>;

/** Connections to the active region's door at once; a door of the lab sees a few dozen. */
const maxSockets = 512;

/** Attempts to connect; with the pause they bridge a restart of the link, not of a region. */
const connectAttempts = 3;
const connectPauseMs = 100;

/** Longest time for a connection, ms: ten round trips of 100 ms; a region that was cut off answers nothing. */
const connectTimeoutMs = 1_000;

/** Longest time without a byte on the way to the active region, ms: the usual limit of a balancer. */
const idleTimeoutMs = 60_000;

/** RFC 9110, 7.6.1, and what proxies of old added. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

export class Forwarder {
  readonly #region: string;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #plain = new Agent({ keepAlive: true, maxSockets, scheduling: 'lifo' });
  readonly #tls = new TlsAgent({ keepAlive: true, maxSockets, scheduling: 'lifo' });

  constructor(options: { region: string; clock: Clock }) {
    this.#region = options.region;
    this.#clock = options.clock;
  }

  /** Resolves when the answer has been sent or refused; never rejects. */
  async forward(req: IncomingMessage, res: ServerResponse, mode: ForwardMode): Promise<boolean> {
    const refusal = this.#refusal(req, mode);
    if (refusal !== null) {
      this.#refuse(res, mode, refusal.code === 'door-loop' ? 508 : 503, refusal);
      return false;
    }
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#attempt(req, res, mode);
      if (failure === null) return true;
      const again = failure.again && attempt < connectAttempts && !res.destroyed;
      if (again && (await this.#pause())) continue;
      this.#refuse(res, mode, failure.notSent ? 503 : 502, failureError(mode, failure));
      return false;
    }
  }

  close(): void {
    this.#closing.abort(new Error('the door closes'));
    this.#plain.destroy();
    this.#tls.destroy();
  }

  /** One try: `null` when an answer reached the client (or the client went away). */
  #attempt(req: IncomingMessage, res: ServerResponse, mode: ForwardMode): Promise<Failure | null> {
    return new Promise((resolve) => {
      const out = this.#open(req, mode);
      const connecting = new AbortController();
      let connected = false;
      const leave = () => out.destroy();
      const end = (failure: Failure | null) => {
        res.off('close', leave);
        connecting.abort();
        resolve(failure);
      };
      res.once('close', leave);
      this.#clock.sleep(connectTimeoutMs, connecting.signal).then(
        () => out.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
        () => {},
      );
      out.setTimeout(idleTimeoutMs, () =>
        out.destroy(new Error(`no byte for ${idleTimeoutMs} ms`)),
      );
      out.once('socket', (socket) => {
        const start = () => {
          connected = true;
          connecting.abort();
          // The body is touched only now: a request that could not be sent can be sent again, whole.
          if (hasBody(req)) pipeBody(req, out);
          else out.end();
        };
        const event = mode.url.startsWith('https:') ? 'secureConnect' : 'connect';
        if (socket.connecting) socket.once(event, start);
        else start();
      });
      out.once('response', (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.statusMessage, answerHeaders(answer, mode));
        pipeline(answer, res, (error) => {
          if (error) res.destroy();
          end(null);
        });
      });
      out.on('error', (cause) => {
        const idleClosed = out.reusedSocket && /^(GET|HEAD)$/.test(out.method) && !hasBody(req);
        if (res.headersSent || res.destroyed) end(null);
        else end({ notSent: !connected, again: !connected || idleClosed, cause });
      });
    });
  }

  #open(req: IncomingMessage, mode: ForwardMode): ClientRequest {
    const base = new URL(mode.url);
    const secure = base.protocol === 'https:';
    const path = `${base.pathname.replace(/\/$/, '')}${targetOf(req)}`;
    return (secure ? httpsRequest : httpRequest)({
      agent: secure ? this.#tls : this.#plain,
      hostname: base.hostname.replace(/^\[|\]$/g, ''),
      port: base.port === '' ? (secure ? 443 : 80) : Number(base.port),
      method: req.method,
      path,
      headers: this.#requestHeaders(req, mode),
      setHost: false,
    });
  }

  #requestHeaders(req: IncomingMessage, mode: ForwardMode): string[] {
    const dropped = [headers.forwarded, 'expect'];
    const kept = endToEnd(req.rawHeaders, req.headers.connection, dropped);
    if (req.headers.host === undefined) kept.push('Host', new URL(mode.url).host);
    if (req.headers['transfer-encoding'] !== undefined) kept.push('Transfer-Encoding', 'chunked');
    kept.push('X-Forwarded-For', req.socket.remoteAddress ?? 'unknown');
    kept.push(headers.forwarded, `${this.#region}@${mode.epoch}`);
    return kept;
  }

  /**
   * A request is forwarded a second time only in a higher epoch, and never by the same door: so it
   * cannot go round, and one that was under way during the next switch still arrives.
   */
  #refusal(req: IncomingMessage, mode: ForwardMode): ThrowoverError | null {
    const before = req.headers[headers.forwarded];
    if (before !== undefined) {
      const [region, epoch] = String(before).split('@');
      const progress = region !== this.#region && Number(epoch) < mode.epoch;
      if (!progress) {
        const message = `${this.#region} forwards to ${mode.region}, and this was already forwarded`;
        return trafficErrors.make('door-loop', message, { forwarded: before, mode });
      }
    }
    const upgrade = req.headers.upgrade;
    if (upgrade === undefined || upgrade.toLowerCase().startsWith('h2')) return null;
    return trafficErrors.make('door-upgrade', `${mode.region} is active now: connect there`, {
      upgrade,
    });
  }

  #refuse(res: ServerResponse, mode: ForwardMode, status: 502 | 503 | 508, error: ThrowoverError) {
    refuse(res, { status, error, region: this.#region, epoch: mode.epoch, closeConnection: true });
  }

  async #pause(): Promise<boolean> {
    return this.#clock.sleep(connectPauseMs, this.#closing.signal).then(
      () => true,
      () => false,
    );
  }
}

interface Failure {
  /** True when no connection was made: nothing can have been carried out. */
  readonly notSent: boolean;
  readonly again: boolean;
  readonly cause: Error;
}

function failureError(mode: ForwardMode, { notSent, cause }: Failure): ThrowoverError {
  const code = notSent ? 'door-no-upstream' : 'door-upstream-failed';
  const message = `${mode.region} did not answer at ${mode.url}: ${cause.message || cause.name}`;
  return trafficErrors.make(code, message, { region: mode.region }, cause);
}

/** As it came: parsing it would change what was signed. Only a proxy's absolute form is cut down. */
function targetOf({ url = '/' }: IncomingMessage): string {
  if (url.startsWith('/') || !URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
}

function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function pipeBody(req: IncomingMessage, out: ClientRequest): void {
  req.on('error', () => out.destroy());
  req.pipe(out);
}

function answerHeaders(answer: IncomingMessage, mode: ForwardMode): string[] {
  const kept = endToEnd(answer.rawHeaders, answer.headers.connection, []);
  if (answer.headers[headers.region] === undefined) kept.push(headers.region, mode.region);
  if (answer.headers[headers.epoch] === undefined) kept.push(headers.epoch, String(mode.epoch));
  kept.push('Connection', 'close');
  return kept;
}

/** Raw headers without those that belong to one connection. */
function endToEnd(
  raw: readonly string[],
  connection: string | undefined,
  also: readonly string[],
): string[] {
  const named = (connection ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const dropped = new Set([...hopByHop, ...named, ...also]);
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [raw[i] ?? '', raw[i + 1] ?? ''];
    if (!dropped.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}
