import { type LagReport, lagCalls, type Sighting } from '../../replication/replication.ts';
import { callServe, type ServeAt } from './serve-call.ts';

/** The samples of `throwover serve` for one service. Errors: `store-away`. */
export interface LagReports {
  /** Returns the sightings of a region's primary, newest first. */
  sightings(region: string): Promise<readonly Sighting[]>;
  reports(): Promise<readonly LagReport[]>;
}

export function httpLagReports(serve: ServeAt): LagReports {
  const { service } = serve;
  return {
    sightings: (region) => callServe(serve, lagCalls.sightings, { params: { service, region } }),
    reports: () => callServe(serve, lagCalls.reports, { params: { service } }),
  };
}
