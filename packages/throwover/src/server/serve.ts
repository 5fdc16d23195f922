import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import {
  type Clock,
  closeServer,
  type Disposition,
  type Endpoint,
  isTaken,
  isThrowoverError,
  listenAt,
  type Random,
  systemRandom,
  type ThrowoverError,
  urlOf,
} from '../kernel/kernel.ts';
import {
  type Call,
  callNames,
  calls,
  type EmbeddedStore,
  maxBodyBytes,
  type Store,
  storeErrors,
} from '../store/store.ts';
import { serverErrors } from './errors.ts';
import { type EvidenceStore, openEvidenceLog } from './evidence-log.ts';
import { evidenceRoutes } from './evidence-routes.ts';
import { type LagLog, openLagLog } from './lag-log.ts';
import { openRecordLog, type RecordStore } from './record-log.ts';
import { recordRoutes } from './record-routes.ts';

/**
 * How long an idle connection of a controller is kept, ms: a step may take minutes, and a new
 * connection costs a round trip.
 */
const keepAliveMs = 600_000;

/** How long calls in flight may continue when the server ends, ms; a call takes a few. */
const closeGraceMs = 2_000;

export interface RunningServer {
  /** Base URL, with the actual port if `port` was 0. */
  readonly url: string;
  /** The same store, for code inside this process; not after `close`. */
  readonly store: Store;
  /** The lag log, for the watcher that samples; not after `close`. */
  readonly lag: LagLog;
  /** The evidence for the forecast, for measurements inside this process; not after `close`. */
  readonly evidence: EvidenceStore;
  /** People's records; not after `close`. */
  readonly records: RecordStore;
  /** Accepts no new calls, answers those in flight, frees the port and the directory. */
  close(): Promise<void>;
}

/**
 * Starts `throwover serve`: the store in `dataDir`, for the controllers of all services
 * (store/wire.ts).
 *
 * It is control plane: while it is away no run begins or continues, and nothing else is affected
 * (A5). Throws `port-taken`, `listen-failed`, or the errors of opening the store; after an error
 * nothing is left running.
 */
export async function startServe(options: {
  host: string;
  port: number;
  dataDir: string;
  /** Opens the store in `dataDir`. */
  openStore: (options: { dataDir: string; clock: Clock; random: Random }) => EmbeddedStore;
  clock: Clock;
  random?: Random;
  /** Further HTTP routes of this process. */
  routes?: (app: Hono) => void;
}): Promise<RunningServer> {
  const { host, port, dataDir, openStore, clock, random = systemRandom, routes } = options;
  const store = openStore({ dataDir, clock, random });
  const lag = openLagLog(dataDir, clock);
  const evidence = openEvidenceLog(dataDir);
  const records = openRecordLog(dataDir);
  const release = () => {
    records.close();
    evidence.close();
    lag.close();
    store.close();
  };
  try {
    const app = createApp({ store, lag, evidence, records, clock });
    routes?.(app);
    const server = createAdaptorServer({ fetch: app.fetch }) as Server;
    server.keepAliveTimeout = keepAliveMs;
    const url = await listen(server, { host, port });
    return {
      url,
      store,
      lag,
      evidence,
      records,
      close: async () => {
        await closeServer(server, { clock, graceMs: closeGraceMs });
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

function createApp(parts: {
  store: EmbeddedStore;
  lag: LagLog;
  evidence: EvidenceStore;
  records: RecordStore;
  clock: Clock;
}): Hono {
  const { store, lag, evidence, records, clock } = parts;
  const app = new Hono();
  app.get('/healthz', (c) =>
    store.failure === null
      ? c.json({ status: 'healthy' })
      : c.json({ status: 'unhealthy', error: store.failure }, 503),
  );
  app.use('/v1/*', bodyLimit({ maxSize: maxBodyBytes, onError: () => tooLarge() }));
  for (const name of callNames) {
    app.post(`/v1/store/${name}`, async (c) => {
      const input = await inputOf(name, c.req);
      const answer = await (store[name] as (input: unknown) => Promise<unknown>)(input);
      return c.json(answer ?? null);
    });
  }
  app.get('/v1/lag/:service', async (c) => c.json(await lag.reports(c.req.param('service'))));
  app.get('/v1/lag/:service/sightings/:region', (c) =>
    c.json(lag.sightings(c.req.param('service'), c.req.param('region'))),
  );
  evidenceRoutes(app, evidence, clock);
  recordRoutes(app, records, clock);
  app.notFound((c) =>
    refuse(storeErrors.make('bad-request', `no ${c.req.method} ${c.req.path} here`)),
  );
  app.onError((error) => {
    if (isThrowoverError(error)) return refuse(error);
    throw error;
  });
  return app;
}

/**
 * Returns the input of a call. An invalid body is refused with its first mistake. The content type
 * must be JSON, so that no web page can post it without permission.
 */
async function inputOf(
  name: Call,
  request: { header(name: string): string | undefined; text(): Promise<string> },
): Promise<Parameters<Store[Call]>[0]> {
  if (!request.header('content-type')?.startsWith('application/json')) {
    throw storeErrors.make('bad-request', `${name}: the body must be application/json`);
  }
  let json: unknown;
  try {
    json = JSON.parse(await request.text());
  } catch (error) {
    throw storeErrors.make('bad-request', `${name}: the body is no JSON`, {}, error);
  }
  const input = calls[name].input.safeParse(json);
  if (input.success) return input.data as Parameters<Store[Call]>[0];
  const issues = input.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw storeErrors.make('bad-request', `${name}: ${issues[0]}`, { issues });
}

const statuses: Readonly<Record<Disposition, number>> = {
  retry: 503,
  wait: 409,
  stop: 409,
  page: 500,
};

function refuse(error: ThrowoverError): Response {
  const status = error.code === 'bad-request' ? 400 : statuses[error.disposition];
  return Response.json(error.toJSON(), { status });
}

function tooLarge(): Response {
  return refuse(
    storeErrors.make('record-too-large', `a body of more than ${maxBodyBytes} bytes`, {
      maxBodyBytes,
    }),
  );
}

async function listen(server: Server, { host, port }: Endpoint): Promise<string> {
  try {
    return urlOf(await listenAt(server, { host, port }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw isTaken(error)
      ? serverErrors.make('port-taken', `${host}:${port} is taken`, { host, port }, error)
      : serverErrors.make(
          'listen-failed',
          `cannot listen on ${host}:${port}: ${reason}`,
          { host, port },
          error,
        );
  }
}
