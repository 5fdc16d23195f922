import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { machineOf } from '../access/configured.ts';
import type { Identity } from '../access/identity.ts';
import { atMost, type Clock, impatience } from '../kernel/kernel.ts';
import { type Callers, callersOf } from '../wire/callers.ts';
import { Routes } from '../wire/routes.ts';
import type { ProcessTable } from '../wire/wire.ts';
import { doorCalls } from './door-calls.ts';
import type { DoorMode, DoorStatus, LatencyPiece, LatencySpan } from './door-wire.ts';
import { trafficErrors } from './errors.ts';
import type { BeaconReport, ConnectionsReport, EpochReport } from './stragglers/wire.ts';

/** A command has a few hundred bytes. */
const maxCommandBytes = 16 * 1024;

/** Every call of a door's admin port. */
export const doorTable = { door: doorCalls } as const satisfies ProcessTable;

/** The commands and questions of the control plane for a door in this process. */
export interface DoorControl {
  readonly region: string;
  status(): DoorStatus;
  /** Resolves when the mode is in force and durable. Refuses an older epoch, or an older token in the same one. */
  set(mode: DoorMode, token: number): Promise<DoorStatus>;
  /**
   * Returns the counts since the beginning of each epoch from this one on, as far as they are kept.
   */
  stragglers(sinceEpoch: number): readonly EpochReport[];
  connections(olderThanMs: number): ConnectionsReport;
  beacons(sinceWallMs: number): readonly BeaconReport[];
  latency(span: LatencySpan): readonly LatencyPiece[];
}

/**
 * The door's control interface, for `http.createServer`: the calls of door-calls.ts. Without
 * `callers`, everybody who reaches it can move traffic: for loopback, or see `doorAdminServer`.
 */
export function createDoorAdmin(
  edge: DoorControl,
  callers: Callers | null = null,
): RequestListener {
  const app = new Hono();
  new Routes(app, {
    title: 'throwover door, admin port',
    table: doorTable,
    maxBodyBytes: maxCommandBytes,
    callers,
    badCall: (message, issues) => trafficErrors.make('door-bad-command', message, { issues }),
  }).add(doorCalls, {
    status: () => edge.status(),
    set: ({ body: { region, mode, token } }) => {
      if (region === edge.region) return edge.set(mode, token);
      const message = `this is the door of ${edge.region}, not of ${region}`;
      throw trafficErrors.make('door-wrong-region', message, {
        region: edge.region,
        asked: region,
      });
    },
    stragglers: ({ query }) => edge.stragglers(query.sinceEpoch),
    connections: ({ query }) => edge.connections(query.olderThanMs),
    beacons: ({ query }) => edge.beacons(query.sinceWallMs),
    latency: ({ query }) => edge.latency(query),
  });
  const listener = getRequestListener(app.fetch);
  return (req, res) => void listener(req, res);
}

/** Most connections to the admin port at once. */
const maxConnections = 512;

/**
 * The server of a door's control interface. With an identity it takes only machines of the service,
 * each as its role allows, over TLS; its files are read again when they change. Throws
 * `certificate-files-wrong`. `close` ends the reading; the server is the caller's.
 */
export async function doorAdminServer(
  edge: DoorControl,
  options: {
    readonly identity?: Identity | undefined;
    readonly clock: Clock;
    /** Receives what a person must see to: files that cannot be used, dates that come near. */
    readonly onEvent?: (event: object) => void;
  },
): Promise<{ readonly server: Server; close(): Promise<void> }> {
  const { identity, clock, onEvent } = options;
  const limits = impatience();
  const machine = await machineOf(identity, {
    ...{ expected: { role: 'door', region: edge.region }, clock },
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  if (machine === null) {
    const server = atMost(createServer(limits, createDoorAdmin(edge)), maxConnections);
    return { server, close: async () => {} };
  }
  const server = createTlsServer(
    { ...limits, handshakeTimeout: limits.headersTimeout, ...machine.serverOptions() },
    createDoorAdmin(edge, callersOf(machine)),
  );
  machine.keep(server);
  return { server: atMost(server, maxConnections), close: () => machine.close() };
}
