/**
 * `throwover edge`: a door as a separate process, in front of an application that is reached over
 * HTTP. It is in the data path: it needs its disk and the application, but no control plane (A5).
 */
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createH2cServer, createSecureServer } from 'node:http2';
import type { Server as NetServer, Socket } from 'node:net';
import { type Clock, type Endpoint, listenAt, urlOf } from '../kernel/kernel.ts';
import { mustBeProtected } from '../wire/control-server.ts';
import { doorAdminServer } from './door-admin.ts';
import { refuse } from './door-answers.ts';
import { createEdge, type Edge, type Serve } from './edge.ts';
import { type EdgeConfig, parseEdgeConfig, readTls } from './edge-config.ts';
import { trafficErrors } from './errors.ts';
import { ReverseProxy } from './reverse-proxy.ts';

/** How long requests in flight may continue when the process ends, ms. */
const closeGraceMs = 10_000;

/**
 * A server of HTTP/1.1, of HTTP/2, or of both; methods that HTTP/2 alone does not need may be
 * missing.
 */
type Server = NetServer & Partial<Pick<HttpServer, 'closeIdleConnections'>>;

interface RunningEdge {
  readonly url: string;
  readonly adminUrl: string;
  /** Accepts no new connections, answers the requests in flight, ends. */
  close(): Promise<void>;
}

/**
 * Starts a door. Throws `edge-config-invalid`, `edge-listen-failed`, `door-state-damaged`; after an
 * error nothing is left running.
 */
export async function startEdge(input: unknown, clock: Clock): Promise<RunningEdge> {
  const config = parseEdgeConfig(input);
  const { adminHost: host, adminPort: port, identity, insecure } = config;
  mustBeProtected({ host, port }, { identity, insecure });
  const edge = await createEdge({ ...config, clock });
  const admin = await doorAdminServer(edge, { identity, clock }).catch((error) => {
    edge.close();
    throw error;
  });
  const proxy = new ReverseProxy({ clock, trusted: config.trustedProxies });
  const serve = applicationServe({ config, edge, proxy });
  const server = publicServer(config, (req, res) => edge.handle(req, res, serve));
  edge.watch(server);
  const closeServers = [closer(server, clock), closer(admin.server, clock)];
  const close = async () => {
    const ended = Promise.all(closeServers.map((end) => end()));
    edge.close();
    await ended;
    proxy.close();
    await admin.close();
  };
  try {
    const scheme = config.tls === undefined ? 'http' : 'https';
    return {
      url: await listen(server, scheme, config),
      adminUrl: await listen(admin.server, identity === undefined ? 'http' : 'https', {
        host,
        port,
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function publicServer(
  config: EdgeConfig,
  handle: (req: IncomingMessage, res: ServerResponse) => void,
): Server {
  // HTTP/2's compatibility API has requests and answers of the same shape, but with other types.
  const compatible = handle as never;
  if (config.h2c) return createH2cServer(compatible);
  const server =
    config.tls === undefined
      ? createServer(handle)
      : createSecureServer({ ...readTls(config.tls), allowHTTP1: true }, compatible);
  // For connections of HTTP/1.1, which a server of both has too.
  return Object.assign(server, { keepAliveTimeout: config.keepAliveMs });
}

/** Only this header is dropped: the application gets the request as the client sent it. */
const dropped: ReadonlySet<string> = new Set(['expect']);

/** Passes requests to the application at `upstream`. */
function applicationServe(options: { config: EdgeConfig; edge: Edge; proxy: ReverseProxy }): Serve {
  const { config, edge, proxy } = options;
  const { region } = config;
  const to = new URL(config.upstream);
  return async (req, res) => {
    const { epoch } = edge.mode;
    const upgrade = req.headers.upgrade;
    if (upgrade !== undefined && !upgrade.toLowerCase().startsWith('h2')) {
      const error = trafficErrors.make('edge-upgrade', `no upgrade to ${upgrade}`, { upgrade });
      refuse(res, { status: 501, error, region, epoch, closeConnection: true });
      return;
    }
    const passed = await proxy.pass(req, res, { to, dropped, onHead: () => {} });
    if (passed.outcome === 'answered') return;
    const { notSent, cause } = passed;
    const code = notSent ? 'edge-no-application' : 'edge-application-failed';
    const message = `${config.upstream} did not answer: ${cause.message || cause.name}`;
    const error = trafficErrors.make(code, message, { region }, cause);
    refuse(res, { status: notSent ? 503 : 502, error, region, epoch, closeConnection: false });
  };
}

async function listen(server: Server, scheme: string, { host, port }: Endpoint): Promise<string> {
  const at = await listenAt(server, { host, port }, ({ message, cause }) =>
    trafficErrors.make('edge-listen-failed', message, { host, port }, cause),
  );
  return urlOf(at, scheme);
}

/**
 * Returns a function that ends a server: it accepts no new connections, requests in flight may end,
 * and the rest is cut after the grace period. Connections are tracked from the start, because a
 * server of HTTP/2 and HTTP/1.1 cannot close those of HTTP/1.1.
 */
function closer(server: Server, clock: Clock): () => Promise<void> {
  const sockets = remembered<Socket>(server, 'connection');
  const sessions = remembered<Session>(server, 'session');
  return async () => {
    if (!server.listening) return;
    const patience = new AbortController();
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeIdleConnections?.();
    for (const session of sessions) session.close();
    const cut = clock.sleep(closeGraceMs, patience.signal).then(
      () => {
        for (const socket of sockets) socket.destroy();
      },
      () => {},
    );
    await closed;
    patience.abort();
    await cut;
  };
}

/** A session of HTTP/2: `close` sends GOAWAY and lets its streams end. */
interface Session {
  close(): void;
  once(event: 'close', listener: () => void): unknown;
}

/** Tracks the open objects that a server announces with this event. */
function remembered<Kept extends { once(event: 'close', listener: () => void): unknown }>(
  server: Server,
  event: 'connection' | 'session',
): ReadonlySet<Kept> {
  const open = new Set<Kept>();
  server.on(event, (one: Kept) => {
    open.add(one);
    one.once('close', () => open.delete(one));
  });
  return open;
}
