import type { DatabaseSide } from '../authority/database-side.ts';
import type { FunctionRegion } from '../functions/function-region.ts';
import type { Consent, PositionHistory } from '../replication/replication.ts';
import type { Store } from '../store/store.ts';
import type { DnsProvider, DnsRecord } from '../traffic/dns.ts';
import type { Door } from '../traffic/door.ts';
import type { Measured } from '../traffic/ttl/cache-life.ts';
import type { GatewayControl } from '../webhooks/gateway-control.ts';

/** One region, as a run needs it. */
export interface RegionPorts {
  readonly name: string;
  readonly database: DatabaseSide;
  readonly door: Door;
  /** `null` when the service has no functions. */
  readonly functions: FunctionRegion | null;
}

/** Everything that a run touches. The gateways of all regions: each may hold events for the service. */
export interface RunPorts {
  readonly store: Store;
  readonly from: RegionPorts;
  readonly to: RegionPorts;
  readonly dns: DnsProvider;
  readonly gateways: readonly GatewayControl[];
  /** Where the databases stood, as others saw it; `null`: nobody samples. */
  readonly history: PositionHistory | null;
  /** How long resolvers keep an answer beyond the declared TTL; left out: nobody has measured any. */
  readonly beyondTtl?: () => Promise<Measured>;
}

/** What the team declared, in milliseconds as they pass here (life time already divided by the time scale). */
export interface RunPolicy {
  readonly service: string;
  readonly epoch: number;
  /** Highest lag at which a switchover fences the writer, ms. */
  readonly lagBoundMs: number;
  /** How long `arm` waits for that, ms. */
  readonly armTimeoutMs: number;
  /** How long the door of the old region keeps new requests waiting, ms. */
  readonly doorHoldMs: number;
  /** How long transactions that are already open may go on, ms. */
  readonly openTransactionsMs: number;
  readonly attachTimeoutMs: number;
  /** How long a switchover's fence stands before the guards open it again by themselves, ms. */
  readonly fenceDeadlineMs: number;
  /** The right to write is a lease that the database checks: its end is a fence proof. */
  readonly strict: boolean;
  /** A commit is acknowledged after the standby has it. */
  readonly synchronous: boolean;
  /** Longest time whose writes a failover may lose without an override, ms. */
  readonly lossBoundMs: number;
  /** Highest rate at which the application takes ids from one sequence, a second. */
  readonly idsPerSecond: number;
  /** Region to which `failback` goes; `null` when none is declared. */
  readonly home: string | null;
  /** Parts of the control plane that stand in the region being left. */
  readonly standsInFrom: readonly string[];
  /** How long a failover waits for a first word from the region that it leaves, ms. */
  readonly lostPatienceMs: number;
  /** What was approved beyond the plan; nobody while it is being made. */
  readonly consent: Consent;
  readonly record: Pick<DnsRecord, 'name' | 'type' | 'ttlSeconds' | 'values'>;
  /** Lowered ahead of a planned switch and waited out; left out: the TTL stays as it is. */
  readonly lowerTtl?: { readonly ttlSeconds: number; readonly timeScale: number };
  /** Base URL of the new region's door, as the old region's door reaches it. */
  readonly forwardUrl: string;
  /** Base URL of the old region's door, as the new region's door reaches it. */
  readonly backwardUrl: string;
  /** Base URL of the new region's door, as the gateways reach it. */
  readonly deliverUrl: string;
  /** Base URL of the old region's door, as the gateways reach it: where deliveries go on when a run is undone. */
  readonly returnUrl: string;
  /** `null` when the service has no functions. */
  readonly warm: {
    /** Instances, or `measured`: what the active region's door has seen at once. */
    readonly instances: number | 'measured';
    readonly burst: number;
    /** How long the warm capacity is kept after the flip, ms. */
    readonly keepMs: number;
  } | null;
}
