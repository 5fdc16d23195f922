/**
 * Sends notices to people, from outside of the region that is being left.
 *
 *   notice.ts       the notices, and which events of a run make one
 *   notifier.ts     the port; sends to all without ever stopping a run
 *   conformance.ts  the contract of a notifier as tests
 */
export { type Notice, RunNotices } from './notice.ts';
export { type Notifier, Notifiers } from './notifier.ts';
