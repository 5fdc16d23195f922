/**
 * Tells people, outside of the region that is being left.
 *
 *   notice.ts    what is told, and which events of a run make a notice
 *   notifier.ts  the port, and sending to all without ever stopping a run
 */
export { type Notice, type NoticeKind, RunNotices } from './notice.ts';
export { type Notifier, Notifiers } from './notifier.ts';
