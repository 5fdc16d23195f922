import type { LatencyPiece } from './latency-minutes.ts';
import type { BeaconReport } from './stragglers/beacons.ts';
import type { ConnectionsReport } from './stragglers/connections.ts';
import type { EpochReport } from './stragglers/meter.ts';

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

export type { LatencyPiece } from './latency-minutes.ts';

/** A period of wall time, in pieces. */
export interface LatencySpan {
  readonly sinceWallMs: number;
  readonly untilWallMs: number;
  readonly widthMs: number;
}

export type DoorMode =
  /** Requests go to the region's own application. */
  | { readonly mode: 'serve'; readonly epoch: number }
  /**
   * New requests wait for the next mode, at most `maxMs`. Then they get 503 with Retry-After, and
   * the door returns to serving, or to forwarding if that is its durable mode.
   */
  | { readonly mode: 'hold'; readonly epoch: number; readonly maxMs: number }
  /**
   * Every client loses its connection without an answer, as from a lost region: a drill's loss of a
   * region. At most `maxMs`; then the door returns to serving or forwarding.
   */
  | { readonly mode: 'cut'; readonly epoch: number; readonly maxMs: number }
  /**
   * A share of the requests goes to another region's door at this base URL, the rest to the
   * region's own application: both can serve. At most `maxMs`; then the door returns to serving or
   * forwarding.
   */
  | {
      readonly mode: 'share';
      readonly epoch: number;
      readonly region: string;
      readonly url: string;
      /** 0 to 1. */
      readonly share: number;
      readonly maxMs: number;
    }
  /** Requests go to the active region's door at this base URL. */
  | {
      readonly mode: 'forward';
      readonly epoch: number;
      readonly region: string;
      readonly url: string;
    };

export interface DoorStatus {
  readonly region: string;
  readonly current: DoorMode;
  readonly inFlight: number;
  readonly held: number;
  /** Totals since the door started. */
  readonly served: number;
  readonly forwarded: number;
  readonly refused: number;
  /** Highest number of requests in service in a typical (median) second of the last 60. */
  readonly peakConcurrency: number;
}
