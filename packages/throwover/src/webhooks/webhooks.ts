/**
 * Truth 4: webhooks are missed. A door that does not move: journal first, answer 2xx, deliver to
 * whichever region is active.
 *
 *   gateway-control.ts  port: a gateway as the control plane sees it
 *   steps.ts guards.ts  what a run does with gateways; answering.ts: those that may be gone
 *   gateway.ts          the process: wires the parts below
 *   config.ts           its configuration
 *   intake.ts           public port: verify, journal, answer
 *   signatures.ts       who sent it, and its id
 *   journal.ts          SQLite with group commit; stops for good after a failed write
 *   dispatcher.ts       what is delivered when; lane.ts: one source's queue
 *   delivery.ts         one attempt, and its outcome as a value
 *   modes.ts            hold or deliver, on disk, fenced by epoch and token
 *   admin.ts, wire.ts   private port, and what goes over it
 *   errors.ts           what a user can meet
 */
export { statusSoon } from './answering.ts';
export { webhookErrors } from './errors.ts';
export { startGateway } from './gateway.ts';
export type { GatewayControl, LossWindow } from './gateway-control.ts';
export { gatewaysReady, someGatewayReady } from './guards.ts';
export { deliverHeld, holdDeliveries, redeliverLost } from './steps.ts';
export { gatewayStatusSchema, redeliveredSchema } from './wire.ts';
