/**
 * What runs inside an application that fails over. Zero dependencies; owns the wire contract.
 *
 *   wire.ts      names of headers
 *   position.ts  (timeline, log position), sortable
 *   webhooks.ts  each event once, in the application's own transaction
 */
export { bytesOf, isPosition, lsnOf, type Position, positionOf, timelineOf } from './position.ts';
export {
  type Processed,
  type ProcessOnceOptions,
  processOnce,
  type SqlClient,
} from './webhooks.ts';
export { headers } from './wire.ts';
