/**
 * Truth 4: webhooks are missed. The gateway keeps its address: it journals an event, answers 2xx,
 * and delivers to the active region.
 *
 *   gateway-control.ts  port: a gateway as the control plane sees it; conformance.ts: as tests
 *   steps.ts guards.ts  a run's work with gateways; answering.ts: gateways that may be gone
 *   gateway.ts          the process: wires the parts below
 *   config.ts           its configuration
 *   intake.ts           public port: verify, journal, answer
 *   signatures.ts       the sender of an event, and its id
 *   journal.ts          SQLite with group commit; stops after a failed write
 *   dispatcher.ts       decides when to deliver which event; lane.ts: one source's queue
 *   delivery.ts         one attempt, and its outcome as a value
 *   modes.ts            hold or deliver, on disk, fenced by epoch and token
 *   admin.ts, calls.ts, wire.ts  private port, its calls and their messages
 *   errors.ts           errors for users
 */
export { statusSoon } from './answering.ts';
export { gatewayCalls } from './calls.ts';
export { webhookErrors } from './errors.ts';
export { startGateway } from './gateway.ts';
export type { GatewayControl } from './gateway-control.ts';
export { gatewaysReady, someGatewayReady } from './guards.ts';
export { redelivered } from './outcomes.ts';
export { deliverHeld, holdDeliveries, redeliverLost } from './steps.ts';
export type { GatewayMode, GatewayStatus, LossWindow } from './wire.ts';
