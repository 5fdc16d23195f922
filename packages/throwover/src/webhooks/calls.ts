import type { CallTable } from '../wire/wire.ts';
import {
  eventsQuerySchema,
  eventsSchema,
  gatewayDetailsSchema,
  redeliveredSchema,
  redeliverSchema,
  setModeSchema,
} from './wire.ts';

/** A gateway answers its status from memory, so a longer wait means that the network is down, ms. */
const statusDeadlineMs = 3_000;

/** A change waits for deliveries in flight: at most 20 s by the gateway's configuration, ms. */
const changeDeadlineMs = 25_000;

/**
 * The calls of a gateway's admin port. All may be sent again: `setMode` is refused if newer
 * commands were seen, and changes nothing if the mode already holds; `redeliver` does its work once
 * per key.
 */
export const gatewayCalls = {
  status: {
    method: 'GET',
    path: '/v1/gateway',
    says: 'Mode, backlog and counts, with the state of the journal and of each source',
    output: gatewayDetailsSchema,
    deadlineMs: statusDeadlineMs,
    repeat: true,
    roles: ['controller', 'serve', 'viewer'],
  },
  setMode: {
    method: 'PUT',
    path: '/v1/gateway/mode',
    says: 'Holds or delivers; an older epoch or token is refused',
    body: setModeSchema,
    output: gatewayDetailsSchema,
    deadlineMs: changeDeadlineMs,
    repeat: true,
    roles: ['controller'],
  },
  redeliver: {
    method: 'POST',
    path: '/v1/gateway/redeliver',
    says: 'Delivers again what a lossy promotion may have lost, once per key',
    body: redeliverSchema,
    output: redeliveredSchema,
    deadlineMs: changeDeadlineMs,
    repeat: true,
    roles: ['controller'],
  },
  events: {
    method: 'GET',
    path: '/v1/gateway/events',
    says: 'A page of the journal, without the bodies of events',
    query: eventsQuerySchema,
    output: eventsSchema,
    deadlineMs: statusDeadlineMs,
    maxAnswerBytes: 4 * 1024 ** 2,
    repeat: true,
    roles: ['viewer'],
  },
} as const satisfies CallTable;
