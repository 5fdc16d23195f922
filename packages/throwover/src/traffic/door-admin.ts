import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
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
 * The door's control interface, for `http.createServer`: the calls of door-calls.ts. For the
 * control plane's network only: everybody who reaches it can move traffic.
 */
export function createDoorAdmin(edge: DoorControl): RequestListener {
  const app = new Hono();
  new Routes(app, {
    title: 'throwover door, admin port',
    table: doorTable,
    maxBodyBytes: maxCommandBytes,
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
