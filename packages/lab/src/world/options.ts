import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StrategyName } from 'throwover';
import type { LagProfileName } from '../postgres/postgres.ts';
import { defaultPortBase, type LabMap } from './map.ts';
import { type LabResolver, type ResolverShares, resolverList } from './resolver-list.ts';

/** The options of a lab. */
export interface LabOptions {
  readonly portBase: number;
  /** Directory of everything that the lab writes. */
  readonly dir: string;
  /** Directory of PostgreSQL 14 to 18 binaries; `null`: those from npm. */
  readonly pgBin: string | null;
  /** Latency between the regions, one way, ms. 40: between two coasts of one continent. */
  readonly latencyMs: number;
  /** production: replay delay in episodes, p95 of about 5 s. short: episodes of 100 to 400 ms. */
  readonly lagProfile: LagProfileName;
  readonly seed: number;
  readonly clients: number;
  readonly requestsPerSecond: number;
  /** How long a client waits for one answer, ms. */
  readonly patienceMs: number;
  /** Additional requests that the door answers without a function; 0: none. */
  readonly assetsPerSecond: number;
  readonly webhooksPerSecond: number;
  readonly resolverShares: ResolverShares;
  /** The caching resolvers, each with its own port; the first is the sender's. */
  readonly resolvers: (map: LabMap) => readonly LabResolver[];
  /** How often clients report which resolver they use, per second; 0: never. */
  readonly beaconsPerSecond: number;
  /** Share of clients whose runtime caches addresses for minutes, whatever their TTL. */
  readonly runtimeCacheShare: number;
  /**
   * Checkout gives tokens with its writes, and each region has a read service; this share of
   * clients shows the tokens.
   */
  readonly readYourWrites: { readonly tokenShare: number } | null;
  /** How long warm capacity is kept after a flip, life time, in the form of throwover.yaml. */
  readonly keepWarm: string;
  /**
   * Number of instances that are warmed in the new region; `measured`: the concurrency of the
   * active one.
   */
  readonly warm: number | 'measured';
  /** How functions are warmed in the new region (throwover: functions/strategies). */
  readonly warmStrategy: StrategyName;
  /** Whether a writer closes when it reaches nobody (strict) or never does (available). */
  readonly writerFence: 'available' | 'strict';
  /** `database.drain` of throwover.yaml: what requests get before a switchover closes the writer. */
  readonly drain: { readonly hold: string; readonly openTransactions: string };
  /**
   * A mandate for a failover given ahead of time: how often to look, and for how long; `null`: a
   * person decides.
   */
  readonly standing: { readonly every: string; readonly for: string } | null;
}

/** A minute of life time is a second here, for TTLs, holdover and retry backoff. */
export const timeScale = 60;

export function labOptions(given: Partial<LabOptions> = {}): LabOptions {
  const portBase = given.portBase ?? defaultPortBase;
  return {
    portBase,
    dir: join(tmpdir(), `throwover-lab-${portBase}`),
    pgBin: null,
    latencyMs: 40,
    lagProfile: 'production',
    seed: 1,
    clients: 40,
    requestsPerSecond: 60,
    patienceMs: 5_000,
    assetsPerSecond: 0,
    webhooksPerSecond: 3,
    resolverShares: { honest: 0.7, clamped: 0.2, longHold: 0.1 },
    resolvers: resolverList,
    beaconsPerSecond: 0,
    runtimeCacheShare: 0,
    readYourWrites: null,
    keepWarm: '5m',
    warm: 'measured',
    warmStrategy: 'provisioned-window',
    writerFence: 'available',
    drain: { hold: '2s', openTransactions: '500ms' },
    standing: null,
    ...given,
  };
}
