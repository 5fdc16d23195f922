import { Hono } from 'hono';
import type { Machine } from '../access/machine.ts';
import { callersOf } from '../wire/callers.ts';
import { controlServer } from '../wire/control-server.ts';
import { Routes } from '../wire/routes.ts';
import type { ProcessTable } from '../wire/wire.ts';
import { gatewayCalls } from './calls.ts';
import { webhookErrors } from './errors.ts';
import type { EventJournal } from './journal.ts';
import type { Modes } from './modes.ts';
import type { GatewayDetails } from './wire.ts';

/** A command has some hundred bytes. */
const MAX_COMMAND_BYTES = 16_384;

/** Every call of a gateway's admin port. */
export const gatewayTable = { gateway: gatewayCalls } as const satisfies ProcessTable;

/** The admin port, for the control plane and for people: the calls of calls.ts. */
export function createAdmin(options: {
  modes: Modes;
  journal: EventJournal;
  details: () => GatewayDetails;
  machine: Machine | null;
}) {
  const { modes, journal, details, machine } = options;
  const app = new Hono();
  new Routes(app, {
    title: 'throwover gateway, admin port',
    table: gatewayTable,
    maxBodyBytes: MAX_COMMAND_BYTES,
    callers: machine === null ? null : callersOf(machine),
    badCall: (message, problems) =>
      webhookErrors.make('gateway-request-invalid', message, { problems }),
  }).add(gatewayCalls, {
    status: () => details(),
    setMode: async ({ body: { mode, token } }) => {
      await modes.set(mode, token);
      return details();
    },
    redeliver: async ({ body: { window, token } }) => ({
      events: await modes.redeliver(window, token),
    }),
    events: ({ query: { state, limit, after } }) => {
      const events = journal.events({ state, after, limit: limit + 1 });
      return { events: events.slice(0, limit), hasMore: events.length > limit };
    },
  });
  return controlServer(app, { machine });
}
