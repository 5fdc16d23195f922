import { askMachine } from './ask-machine.ts';
import type { LabMap, RegionName } from './map.ts';

/** The fields of a guard's status that the lab reads. */
export interface GuardStatus {
  readonly role: string;
  readonly closed: object | null;
  readonly observed: { readonly door: string } | null;
  readonly streaming: boolean;
  /** As the primary sees it. */
  readonly standby: {
    readonly state: string;
    readonly lagMs: number | null;
    readonly lagBytes: number;
  } | null;
  /** `null`: the service is not strict. */
  readonly leaseLeftMs: number | null;
}

/** `private`: also while the region is cut off. */
export function guardStatus(
  map: LabMap,
  region: RegionName,
  way: 'public' | 'private' = 'public',
): Promise<GuardStatus> {
  return askMachine(map, map.regions[region][way].guard, '/v1/status');
}
