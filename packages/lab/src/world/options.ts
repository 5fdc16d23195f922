import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StrategyName } from 'throwover';
import type { LagProfileName } from '../postgres/postgres.ts';
import { defaultPortBase, type LabMap } from './map.ts';
import { type LabResolver, type ResolverShares, resolverList } from './resolver-list.ts';

/** What can be set about a lab. */
export interface LabOptions {
  readonly portBase: number;
  /** Everything that the lab writes stands below it. */
  readonly dir: string;
  /** Directory of PostgreSQL 14 to 18 binaries; `null`: those from npm. */
  readonly pgBin: string | null;
  /** One way, between the regions, ms. 40: between two coasts of one continent. */
  readonly latencyMs: number;
  /** production: replay delay in episodes, p95 of about 5 s. short: episodes of 100 to 400 ms. */
  readonly lagProfile: LagProfileName;
  readonly seed: number;
  readonly clients: number;
  readonly requestsPerSecond: number;
  /** Beside them, requests that the door answers without a function; 0: none. */
  readonly assetsPerSecond: number;
  readonly webhooksPerSecond: number;
  readonly resolverShares: ResolverShares;
  /** The caching resolvers, each with a port of its own; the first is the sender's. */
  readonly resolvers: (map: LabMap) => readonly LabResolver[];
  /** Clients tell so often which resolver they stand behind; 0: never. */
  readonly beaconsPerSecond: number;
  /** Share of clients whose runtime keeps addresses by itself for minutes, whatever their TTL. */
  readonly runtimeCacheShare: number;
  /** Checkout gives tokens with its writes, and each region has a read service; this share of clients shows them. */
  readonly readYourWrites: { readonly tokenShare: number } | null;
  /** How long warm capacity is kept after a flip, life time, as throwover.yaml says it. */
  readonly keepWarm: string;
  /** Instances that are warmed in the new region; `measured`: what the active one uses at once. */
  readonly warm: number | 'measured';
  /** How functions are made warm in the new region (throwover: functions/strategies). */
  readonly warmStrategy: StrategyName;
  /** Whether the absence of everybody else closes a writer (strict) or never does (available). */
  readonly writerFence: 'available' | 'strict';
  /** A mandate of a failover given ahead of time, with how often is looked and for how long; `null`: a person decides. */
  readonly standing: { readonly every: string; readonly for: string } | null;
}

/** A minute of life is a second here, for TTLs, holdover and retry backoff. */
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
    standing: null,
    ...given,
  };
}
