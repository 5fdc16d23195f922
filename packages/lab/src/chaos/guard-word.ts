import { guardStatus } from '../world/guard-status.ts';
import { until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';

/** Longest wait for a guard's status, ms: it starts, asks its peer and the store, and closes. */
const patienceMs = 60_000;

/** Waits until the guard reports that its database is closed, and that it has seen that. */
export async function guardCloses(lab: Lab, region: RegionName): Promise<void> {
  const closed = async () => {
    const { closed, observed } = await guardStatus(lab.map, region, 'private');
    return closed !== null && observed?.door === 'closed';
  };
  await until(`${region}'s guard says that its database is closed`, closed, {
    timeoutMs: patienceMs,
  });
}

/** Waits until the guard reports that its standby streams. */
export async function standbyStreams(lab: Lab, region: RegionName): Promise<void> {
  const streams = async () => (await guardStatus(lab.map, region, 'private')).streaming;
  await until(`${region} streams`, streams, { timeoutMs: patienceMs });
}
