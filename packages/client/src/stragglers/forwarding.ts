import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { type Clock, machineClock } from '../clock.ts';
import { endToEnd } from '../end-to-end.ts';
import { headers } from '../wire.ts';
import { decide, type Refusal, refusalAnswer } from './decide.ts';
import { Passage } from './pass.ts';
import { type Look, type Standing, Standings } from './standing.ts';

/**
 * Request headers that are not passed on: replaced by our own, or already answered by the server
 * (`expect`).
 */
const notSent: ReadonlySet<string> = new Set([headers.forwarded, 'expect']);
const none: ReadonlySet<string> = new Set();

export interface ForwardingOptions {
  /** The region that this application runs in, as throwover.yaml names it. */
  readonly region: string;
  /**
   * Tells whether the region serves or forwards: `fileStanding(...)`, `httpStanding(...)`, or your
   * own.
   */
  readonly look: Look;
  /** In force until the first look succeeds; default: serve in epoch 0. */
  readonly initial?: Standing;
  /** Age at which a look is repeated, ms; default 1000. */
  readonly everyMs?: number;
  /**
   * How long a request waits for a new look when the last one is ten times that old, ms; default
   * 500.
   */
  readonly patienceMs?: number;
  /** Most requests forwarded at once; default 500. Requests beyond that get 503. */
  readonly limit?: number;
  /** Called when a straggler has been handled, for a log or a metric. */
  readonly onStraggler?: (straggler: Straggler) => void;
  /** Called when a look failed; the last standing stays in force. */
  readonly onFailure?: (cause: unknown) => void;
  readonly clock?: Clock;
}

/** A request that reached a region which is not active. */
export interface Straggler {
  /**
   * `unknown`: the connection is not from before the switch; resolver and runtime cannot be told
   * apart here.
   */
  readonly cause: 'pinned-connection' | 'unknown';
  /** Remote address: of the client, or of a load balancer in between. */
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly outcome: 'forwarded' | Refusal['code'];
  /**
   * Time until the first byte, minus the time that the active region reports for itself, ms;
   * `null`: unknown.
   */
  readonly addedMs: number | null;
}

export interface ForwardingCounts {
  readonly forwarded: number;
  readonly refused: number;
  readonly underWay: number;
  readonly byCause: Readonly<Record<Straggler['cause'], number>>;
}

export interface Forwarding {
  readonly region: string;
  standing(): Promise<Standing>;
  readonly counts: ForwardingCounts;
  /**
   * Resolves to true when the request was answered here (forwarded or refused), to false when the
   * application is to answer it. `taking` is called before anything of an answer is written.
   */
  handle(req: IncomingMessage, res: ServerResponse, taking?: () => void): Promise<boolean>;
  close(): void;
}

export const forwardingDefaults = {
  initial: { mode: 'serve', epoch: 0 } satisfies Standing,
  everyMs: 1_000,
  patienceMs: 500,
  limit: 500,
  clock: machineClock,
  onStraggler: () => {},
  onFailure: () => {},
};

/**
 * Forwarding for plain node:http; `expressForwarding` and `fastifyForwarding` adapt it to their
 * framework.
 */
export function createForwarding(options: ForwardingOptions): Forwarding {
  const settings = { ...forwardingDefaults, ...options };
  const { region, clock, limit, onStraggler } = settings;
  const standings = new Standings(settings);
  const passage = new Passage();
  /**
   * Connections over which this region has served; a straggler on one of them is a pinned
   * connection.
   */
  const served = new WeakSet<object>();
  const counts = { forwarded: 0, refused: 0, underWay: 0 };
  const byCause = { 'pinned-connection': 0, unknown: 0 };

  const end = (req: IncomingMessage, how: Pick<Straggler, 'outcome' | 'addedMs' | 'cause'>) => {
    counts[how.outcome === 'forwarded' ? 'forwarded' : 'refused'] += 1;
    byCause[how.cause] += 1;
    const userAgent = req.headers['user-agent'] ?? null;
    onStraggler({ ...how, address: req.socket?.remoteAddress ?? null, userAgent });
  };

  const handle: Forwarding['handle'] = async (req, res, taking = () => {}) => {
    const { socket } = req;
    const standing = await standings.current();
    const decision = decide(standing, {
      region,
      forwarded: headerOf(req, headers.forwarded),
      upgrade: req.headers.upgrade,
    });
    if (decision.action === 'serve') {
      served.add(socket);
      return false;
    }
    taking();
    const cause = served.has(socket) ? 'pinned-connection' : 'unknown';
    if (decision.action === 'refuse' || counts.underWay >= limit) {
      const refusal = decision.action === 'refuse' ? decision.refusal : tooMany(limit);
      refuse(res, refusal, { region, epoch: standing.epoch });
      end(req, { cause, outcome: refusal.code, addedMs: null });
      return true;
    }
    counts.underWay += 1;
    try {
      const how = await forward({ req, res, to: decision.to, region, passage, clock });
      end(req, { cause, ...how });
    } finally {
      counts.underWay -= 1;
    }
    return true;
  };
  return {
    region,
    standing: () => standings.current(),
    get counts() {
      return { ...counts, byCause: { ...byCause } };
    },
    handle,
    close: () => passage.close(),
  };
}

async function forward(options: {
  req: IncomingMessage;
  res: ServerResponse;
  to: Extract<Standing, { mode: 'forward' }>;
  region: string;
  passage: Passage;
  clock: Clock;
}): Promise<Pick<Straggler, 'outcome' | 'addedMs'>> {
  const { req, res, to, region, passage, clock } = options;
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  res.once('close', leave);
  const startedMs = clock.monotonicMs();
  const answer = await passage.send({
    to,
    method: req.method ?? 'GET',
    // Express strips the path at which a middleware is mounted; the request is forwarded with its
    // original path.
    target: (req as { originalUrl?: string }).originalUrl ?? req.url ?? '/',
    headers: requestHeaders(req, { to, region }),
    body: hasBody(req) ? req : null,
    signal: leaving.signal,
  });
  if ('code' in answer) {
    refuse(res, answer, { region, epoch: to.epoch });
    return { outcome: answer.code, addedMs: null };
  }
  const there = Number(answer.headers[headers.duration] ?? Number.NaN);
  const tookMs = clock.monotonicMs() - startedMs;
  const kept = endToEnd(answer.rawHeaders, answer.headers.connection, none);
  if (answer.headers[headers.region] === undefined) kept.push(headers.region, to.region);
  if (answer.headers[headers.epoch] === undefined) kept.push(headers.epoch, String(to.epoch));
  // Makes a pinned client look the name up again.
  kept.push('Connection', 'close');
  res.writeHead(answer.statusCode ?? 502, answer.statusMessage, kept);
  await new Promise<void>((resolve) => {
    pipeline(answer, res, (error) => {
      if (error) res.destroy();
      resolve();
    });
  });
  res.off('close', leave);
  return { outcome: 'forwarded', addedMs: Number.isFinite(there) ? tookMs - there : null };
}

function requestHeaders(
  req: IncomingMessage,
  { to, region }: { to: Extract<Standing, { mode: 'forward' }>; region: string },
): string[] {
  const kept = endToEnd(req.rawHeaders, req.headers.connection, notSent);
  if (req.headers.host === undefined) kept.push('Host', new URL(to.url).host);
  if (req.headers['transfer-encoding'] !== undefined) kept.push('Transfer-Encoding', 'chunked');
  kept.push('X-Forwarded-For', req.socket.remoteAddress ?? 'unknown');
  kept.push(headers.forwarded, `${region}@${to.epoch}`);
  return kept;
}

function refuse(
  res: ServerResponse,
  refusal: Refusal,
  at: { region: string; epoch: number },
): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const answer = refusalAnswer(refusal, at);
  res.writeHead(answer.status, { ...answer.headers, connection: 'close' });
  res.end(answer.body);
}

const tooMany = (limit: number): Refusal => ({
  code: 'door-busy',
  status: 503,
  message: `${limit} requests are being forwarded`,
});

function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function headerOf(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
