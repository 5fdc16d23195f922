import type { DoorMode, DoorStatus, LatencyPiece, LatencySpan } from './door-wire.ts';
import type { BeaconReport, ConnectionsReport, EpochReport } from './stragglers/wire.ts';

/**
 * Port: a region's front door, as the control plane sees it. The door itself is in the data path
 * (traffic/edge.ts) and keeps its mode on disk, so that it runs and restarts without the control
 * plane.
 *
 * `set` is safe to repeat. Errors: `door-unreachable`, `door-refused` (the epoch, or the token
 * within the same epoch, is older than one that the door has seen; or it is a hold that arrives
 * after its own run has released the door).
 */
export interface Door {
  readonly region: string;
  status(): Promise<DoorStatus>;
  set(mode: DoorMode, token: number): Promise<DoorStatus>;
}

/**
 * The counts of a door. No decision depends on them, and a run continues without them. Errors:
 * `door-unreachable`.
 */
export interface DoorCounts {
  readonly region: string;
  /**
   * Returns the counts since the beginning of each epoch from this one on, as far as they are kept.
   */
  stragglers(sinceEpoch: number): Promise<readonly EpochReport[]>;
  /** `olderThanMs`: age from which a connection counts as old. */
  connections(olderThanMs: number): Promise<ConnectionsReport>;
  beacons(sinceWallMs: number): Promise<readonly BeaconReport[]>;
  /** Returns the latency of the region's own application; half an hour is kept. */
  latency(span: LatencySpan): Promise<readonly LatencyPiece[]>;
}
