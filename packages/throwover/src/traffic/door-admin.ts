import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type ErrorJson, isThrowoverError } from '../kernel/kernel.ts';
import type { DoorMode, DoorStatus, LatencySpan } from './door.ts';
import { doorCommandSchema, latencySpanSchema } from './door-wire.ts';
import { trafficErrors } from './errors.ts';
import type { LatencyPiece } from './latency-minutes.ts';
import type { BeaconReport } from './stragglers/beacons.ts';
import type { ConnectionsReport } from './stragglers/connections.ts';
import type { EpochReport } from './stragglers/meter.ts';
import { numberGiven } from './stragglers/wire.ts';

/** A command has a few hundred bytes. */
const maxCommandBytes = 16 * 1024;

const statusOf: Readonly<Record<string, 400 | 409>> = {
  'door-refused': 409,
  'door-wrong-region': 409,
  'door-bad-command': 400,
};

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
 * The door's control interface, for `http.createServer`: GET /v1/door returns its status; PUT
 * /v1/door takes `{region, mode, token}`; GET /v1/door/stragglers?sinceEpoch=,
 * /connections?olderThanMs=, /beacons?sinceWallMs= and /latency?sinceWallMs=&untilWallMs=&widthMs=
 * return its counts. Errors are `ErrorJson`. For the control plane's network only: everybody who
 * reaches it can move traffic.
 */
export function createDoorAdmin(edge: DoorControl): RequestListener {
  const app = new Hono();
  app.get('/v1/door', (c) => c.json(edge.status()));
  app.get('/v1/door/stragglers', (c) =>
    c.json(edge.stragglers(numberGiven.parse(c.req.query('sinceEpoch')))),
  );
  app.get('/v1/door/connections', (c) =>
    c.json(edge.connections(numberGiven.parse(c.req.query('olderThanMs')))),
  );
  app.get('/v1/door/beacons', (c) =>
    c.json(edge.beacons(numberGiven.parse(c.req.query('sinceWallMs')))),
  );
  app.get('/v1/door/latency', (c) => {
    const span = latencySpanSchema.safeParse(c.req.query());
    if (span.success) return c.json(edge.latency(span.data));
    throw trafficErrors.make('door-bad-command', span.error.message, { issues: span.error.issues });
  });
  app.put('/v1/door', bodyLimit({ maxSize: maxCommandBytes }), async (c) => {
    const body = await c.req.json().catch(() => undefined);
    const command = doorCommandSchema.safeParse(body);
    if (!command.success) {
      throw trafficErrors.make('door-bad-command', command.error.message, {
        issues: command.error.issues,
      });
    }
    const { region, mode, token } = command.data;
    if (region !== edge.region) {
      const message = `this is the door of ${edge.region}, not of ${region}`;
      throw trafficErrors.make('door-wrong-region', message, {
        region: edge.region,
        asked: region,
      });
    }
    return c.json(await edge.set(mode, token));
  });
  app.onError((error, c) => {
    if (isThrowoverError(error))
      return c.json<ErrorJson>(error.toJSON(), statusOf[error.code] ?? 500);
    throw error;
  });
  const listener = getRequestListener(app.fetch);
  return (req, res) => void listener(req, res);
}
