import { askJson, until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';

/** Longest wait for a guard's status, ms: it starts, asks its peer and the store, and closes. */
const patienceMs = 60_000;

interface Status {
  readonly closed: object | null;
  readonly observed: { readonly door: string } | null;
  readonly streaming: boolean;
}

const status = (lab: Lab, region: RegionName) =>
  askJson<Status>(lab.map.regions[region].private.guard, '/v1/status');

/** Waits until the guard reports that its database is closed, and that it has seen that. */
export async function guardCloses(lab: Lab, region: RegionName): Promise<void> {
  const closed = async () => {
    const { closed, observed } = await status(lab, region);
    return closed !== null && observed?.door === 'closed';
  };
  await until(`${region}'s guard says that its database is closed`, closed, {
    timeoutMs: patienceMs,
  });
}

/** Waits until the guard reports that its standby streams. */
export async function standbyStreams(lab: Lab, region: RegionName): Promise<void> {
  const streams = async () => (await status(lab, region)).streaming;
  await until(`${region} streams`, streams, { timeoutMs: patienceMs });
}
