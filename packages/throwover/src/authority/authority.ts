/**
 * Who may write (docs/authority.md). The databases themselves are in providers/ and in the simulation.
 *
 *   database-side.ts  port: the process beside a database, as a run commands it
 *   messages.ts       what guards and controllers tell each other: schemas, and the types from them
 *   calls.ts          the calls of a guard over HTTP
 *   conformance.ts    its contract as tests
 *   scope.ts answers-for.ts  the scope of a command, and who answers for it
 *   cluster.ts        whether two databases are one cluster
 *   timing.ts         leases, promises and the bounds between them; witness.ts: port to the store
 *   open-epoch.ts takes-writes.ts  the steps that open an epoch and see its writer
 *   guard/            the guard's decisions, and its ports to a database
 */
export {
  type ExpectedGuard,
  guardOfAnotherPair,
  strangerAt,
  unconfirmedAt,
} from './answers-for.ts';
export { hostCalls, peerCalls, sideCalls, sideThrough } from './calls.ts';
export { clusterText, judgeBoth, judgeFollower } from './cluster.ts';
export type { DatabaseSide } from './database-side.ts';
export { authorityErrors } from './errors.ts';
export {
  type DatabaseLook,
  type DoorLook,
  type GuardEvent,
  type GuardedDatabase,
  type Keep,
  type LoginsTried,
  type MachineTime,
  type Peer,
  type Salvaged,
  stoppedLook,
  type Witness,
} from './guard/ports.ts';
export { isSideRow, sideRows, sides, sideTurns } from './guard/side.ts';
export {
  type AcceptClusterCommand,
  type Attachment,
  attachmentSchema,
  type Closed,
  type ClusterMemory,
  type ClusterReport,
  type ClusterSight,
  type ClusterVerdict,
  type ConfirmedFence,
  type DatabaseStatus,
  type DatabaseSurvey,
  type ExpiredLease,
  type FenceProof,
  type GuardLack,
  type GuardMemory,
  guardMemorySchema,
  type OpeningProof,
  type OtherWriter,
  type Promotion,
  positionSchema,
  type RunCommand,
  type Unsent,
  type UpstreamWord,
} from './messages.ts';
export { openEpoch, seeWriter } from './open-epoch.ts';
export { commandOf } from './scope.ts';
export { standingOf } from './takes-writes.ts';
export { checkTiming, defaultTiming, type Timing } from './timing.ts';
export { storeWitness } from './witness.ts';
