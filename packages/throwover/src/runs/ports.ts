import type { DatabaseSide } from '../authority/authority.ts';
import type { FunctionMetrics, FunctionRegion, RampPolicy } from '../functions/functions.ts';
import type { Consent, PositionHistory } from '../replication/replication.ts';
import type { StrategyName } from '../service/service.ts';
import type { Store } from '../store/store.ts';
import type { DnsProvider, DnsRecord, Door, DoorCounts, Lowering } from '../traffic/traffic.ts';
import type { GatewayControl } from '../webhooks/webhooks.ts';

/** The ports of one region that a run uses. */
export interface RegionPorts {
  readonly name: string;
  readonly database: DatabaseSide;
  readonly door: Door;
  /** `null` when the service has no functions. */
  readonly functions: FunctionRegion | null;
  /** The latencies that this region's door has counted; without them traffic cannot be ramped. */
  readonly counts?: Pick<DoorCounts, 'latency'>;
  /** The provider's own metrics of the function; without them the door's counts are used. */
  readonly metrics?: FunctionMetrics;
}

/**
 * Everything that a run touches. Includes the gateways of all regions, because each may hold events
 * for the service.
 */
export interface RunPorts {
  readonly store: Store;
  readonly from: RegionPorts;
  readonly to: RegionPorts;
  readonly dns: DnsProvider;
  readonly gateways: readonly GatewayControl[];
  /**
   * Earlier positions of the databases, as other processes saw them; `null` if no process samples
   * them.
   */
  readonly history: PositionHistory | null;
  /**
   * How long resolvers keep an answer beyond the declared TTL; absent if it has not been measured.
   */
  readonly beyondTtl?: Lowering['beyond'];
}

/**
 * The team's settings, in milliseconds of this environment (life time is already divided by the
 * time scale).
 */
export interface RunPolicy {
  readonly service: string;
  readonly epoch: number;
  /** Highest lag at which a switchover fences the writer, ms. */
  readonly lagBoundMs: number;
  /** How long `arm` waits for a lag within `lagBoundMs`, ms. */
  readonly armTimeoutMs: number;
  /** How long the door of the old region keeps new requests waiting after the run's last sign of life, ms. */
  readonly doorHoldMs: number;
  /** How long transactions that are already open may go on, ms. */
  readonly openTransactionsMs: number;
  readonly attachTimeoutMs: number;
  /** How long a switchover's fence stands before the guards open it again by themselves, ms. */
  readonly fenceDeadlineMs: number;
  /**
   * Strict mode: the right to write is a lease that the database checks, so the end of the lease is
   * a fence proof.
   */
  readonly strict: boolean;
  /** Synchronous mode: a commit is acknowledged after the standby has it. */
  readonly synchronous: boolean;
  /** Longest time whose writes a failover may lose without an override, ms. */
  readonly lossBoundMs: number;
  /** Highest rate at which the application takes ids from one sequence, per second. */
  readonly idsPerSecond: number;
  /** Region to which `failback` goes; `null` when none is declared. */
  readonly home: string | null;
  /** Parts of the control plane that are in the region being left. */
  readonly standsInFrom: readonly string[];
  /** How long a failover waits for a first answer from the region that it leaves, ms. */
  readonly lostPatienceMs: number;
  /** The overrides that were approved with the plan; empty while the plan is being made. */
  readonly consent: Consent;
  readonly record: Pick<DnsRecord, 'name' | 'type' | 'ttlSeconds' | 'values'>;
  /**
   * The TTL to which the record is lowered before a planned switch; the run waits until the old TTL
   * has passed. Absent: the TTL stays as it is.
   */
  readonly lowerTtl?: Omit<Lowering, 'beyond'>;
  /** Base URL of the new region's door, as the old region's door reaches it. */
  readonly forwardUrl: string;
  /** Base URL of the old region's door, as the new region's door reaches it. */
  readonly backwardUrl: string;
  /** Base URL of the new region's door, as the gateways reach it. */
  readonly deliverUrl: string;
  /**
   * Base URL of the old region's door, as the gateways reach it: the target of deliveries after a
   * run is undone.
   */
  readonly returnUrl: string;
  /** `null` when the service has no functions. */
  readonly warm: {
    readonly strategy: StrategyName;
    /**
     * Number of instances, or `measured`: the peak concurrency that the active region's door has
     * seen.
     */
    readonly instances: number | 'measured';
    readonly burst: number;
    /** How long the warm capacity is kept after the flip, ms. */
    readonly keepMs: number;
    readonly ramp: RampPolicy;
  } | null;
}
