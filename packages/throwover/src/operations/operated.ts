import type { DatabaseSide } from '../authority/authority.ts';
import type { ForecastKind } from '../evidence/evidence.ts';
import type { ForecastFacts } from '../evidence/forecast/forecast.ts';
import type { Clock } from '../kernel/kernel.ts';
import type { Notifiers } from '../notify/notify.ts';
import type { EvidenceLog } from '../records/records.ts';
import type { Consent, LagReport } from '../replication/replication.ts';
import type { Direction, RunDefinition, RunKind } from '../runs/runs.ts';
import type { Store } from '../store/store.ts';
import type { Door } from '../traffic/traffic.ts';

/**
 * Port: one service, as everything in this folder reaches it. `cli/session.ts` builds it from real
 * adapters, the simulation from its models. Calls have the deadlines and errors of the ports that
 * they are made of.
 */
export interface Operated {
  readonly name: string;
  /** Names this process in the lease of a run, for people. */
  readonly owner: string;
  readonly store: Store;
  /** In the order of throwover.yaml. */
  readonly regions: readonly OperatedRegion[];
  readonly clock: Clock;
  readonly notifiers: Pick<Notifiers, 'tell'>;
  /**
   * Returns the guards and steps of a run. `lostPatienceMs`: how long the run waits for the region
   * that it leaves; default: as usual.
   */
  define(
    kind: RunKind,
    direction: Direction,
    consent: Consent,
    waits?: { readonly lostPatienceMs: number },
  ): RunDefinition;
  /** Returns the samples of replication, for a plan. Errors: `store-away`. */
  lagReports(): Promise<readonly LagReport[]>;
  /** Returns the facts of a forecast. Takes up to 4 s. Errors: `store-away`. */
  forecastFacts(kind: ForecastKind, from: string): Promise<ForecastFacts>;
  /** Stores the forecast of a run. */
  readonly evidence: Pick<EvidenceLog, 'add'>;
}

interface OperatedRegion {
  readonly name: string;
  readonly database: DatabaseSide;
  readonly door: Door;
  /** Address to which the doors of other regions forward when this region is active. */
  readonly forwardUrl: string;
}

/** A look of a watcher that failed; it looks again. A line of the log of `throwover serve`. */
export interface LookFailed {
  readonly event: 'caretaker-failed' | 'doorkeeper-failed' | 'closures-failed';
  readonly service: string;
  readonly error: string;
}
