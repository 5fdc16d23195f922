import { Hono } from 'hono';
import type { Machine } from '../access/machine.ts';
import {
  type Clock,
  closeServer,
  listenAt,
  type Random,
  systemRandom,
  urlOf,
} from '../kernel/kernel.ts';
import { recordCalls } from '../records/records.ts';
import { lagCalls } from '../replication/replication.ts';
import {
  type EmbeddedStore,
  maxBodyBytes,
  type Store,
  storeCallNames,
  storeCalls,
  storeErrors,
} from '../store/store.ts';
import { callersOf } from '../wire/callers.ts';
import { controlServer } from '../wire/control-server.ts';
import { type Handlers, Routes } from '../wire/routes.ts';
import { healthCalls, serveTable } from './calls.ts';
import { serverErrors } from './errors.ts';
import { type EvidenceStore, openEvidenceLog } from './evidence-log.ts';
import { evidenceRoutes } from './evidence-routes.ts';
import { type LagLog, openLagLog } from './lag-log.ts';
import { openRecordLog, type RecordStore } from './record-log.ts';

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
  /** This server's certificate; `null`: whoever reaches the port may call. */
  machine?: Machine | null;
  /** Adds further routes of this process. */
  routes?: (routes: Routes) => void;
}): Promise<RunningServer> {
  const {
    host,
    port,
    dataDir,
    openStore,
    clock,
    random = systemRandom,
    machine = null,
    routes = () => {},
  } = options;
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
    const app = createApp({ store, lag, evidence, records, clock, machine, more: routes });
    const server = controlServer(app, { machine });
    server.keepAliveTimeout = keepAliveMs;
    const at = await listenAt(server, { host, port }, ({ taken, message, cause }) =>
      serverErrors.make(taken ? 'port-taken' : 'listen-failed', message, { host, port }, cause),
    );
    return {
      url: urlOf(at, machine === null ? 'http' : 'https'),
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
  machine: Machine | null;
  more: (routes: Routes) => void;
}): Hono {
  const { store, lag, evidence, records, clock, machine, more } = parts;
  const app = new Hono();
  const routes = new Routes(app, {
    title: 'throwover serve',
    table: serveTable,
    maxBodyBytes,
    callers: machine === null ? null : callersOf(machine),
    badCall: (message, issues) => storeErrors.make('bad-request', message, { issues }),
    tooLarge: (message) => storeErrors.make('record-too-large', message, { maxBodyBytes }),
  });
  routes
    .add(healthCalls, {
      health: () =>
        store.failure === null
          ? ({ status: 'healthy' } as const)
          : Response.json({ status: 'unhealthy', error: store.failure.toJSON() }, { status: 503 }),
    })
    .add(storeCalls, storeHandlers(store))
    .add(lagCalls, {
      reports: ({ params }) => lag.reports(params.service),
      sightings: ({ params }) => lag.sightings(params.service, params.region),
    })
    .add(recordCalls, {
      append: ({ params: { service, kind }, body }) =>
        records.append(service, kind, body, clock.wallMs()),
      list: ({ params: { service, kind }, query: { since, limit } }) =>
        records.list(service, kind, { sinceSeq: since, limit }),
    });
  evidenceRoutes(routes, evidence, clock);
  more(routes);
  return app;
}

function storeHandlers(store: Store): Handlers<typeof storeCalls> {
  const handlers = storeCallNames.map((name) => [
    name,
    ({ body }: { body: unknown }) => (store[name] as (body: unknown) => Promise<unknown>)(body),
  ]);
  return Object.fromEntries(handlers);
}
