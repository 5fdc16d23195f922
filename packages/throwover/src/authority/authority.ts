/**
 * Who may write (docs/authority.md). The databases themselves are in providers/ and in the simulation.
 *
 *   database-side.ts  port: the process beside a database, as a run commands it
 *   calls.ts          the calls of a guard over HTTP; wire.ts: the schemas of its messages
 *   conformance.ts    its contract as tests
 *   fence-proof.ts    the evidence that an old writer cannot write
 *   scope.ts          service, pair and run of a command; answers-for.ts: who answers for what
 *   cluster.ts        whether two databases are one cluster
 *   timing.ts         leases, promises and the bounds between them; witness.ts: port to the store
 *   open-epoch.ts takes-writes.ts  the steps that open an epoch and see its writer
 *   survey.ts         writers that a fence would not stop
 *   guard/            the guard's decisions, and its ports to a database
 */
export {
  type ExpectedGuard,
  guardOfAnotherPair,
  strangerAt,
  unconfirmedAt,
} from './answers-for.ts';
export {
  attachmentSchema,
  hostCalls,
  peerCalls,
  sideCalls,
  sideThrough,
} from './calls.ts';
export {
  type ClusterMemory,
  type ClusterReport,
  type ClusterSight,
  type ClusterVerdict,
  clusterText,
  judgeBoth,
  judgeFollower,
  noClusterMemory,
} from './cluster.ts';
export type {
  Attachment,
  Closed,
  DatabaseSide,
  DatabaseStatus,
  Promotion,
  Unsent,
  UpstreamWord,
} from './database-side.ts';
export { authorityErrors } from './errors.ts';
export type { ConfirmedFence, ExpiredLease, FenceProof, OpeningProof } from './fence-proof.ts';
export type {
  AcceptClusterCommand,
  DatabaseLook,
  DoorLook,
  GuardEvent,
  GuardedDatabase,
  GuardMemory,
  Keep,
  LoginsTried,
  MachineTime,
  Peer,
  Salvaged,
  Witness,
} from './guard/ports.ts';
export { isSideRow, sideRows, sides, sideTurns } from './guard/side.ts';
export { openEpoch, seeWriter } from './open-epoch.ts';
export { commandOf, type RunCommand } from './scope.ts';
export type { DatabaseSurvey, GuardLack, OtherWriter } from './survey.ts';
export { standingOf } from './takes-writes.ts';
export { checkTiming, defaultTiming, type Timing } from './timing.ts';
export {
  acceptedSchema,
  closedSchema,
  clusterMemorySchema,
  knownEpochSchema,
  positionSchema,
  reopenedSchema,
  syncRecordSchema,
} from './wire.ts';
export { storeWitness } from './witness.ts';
