import type { LagRecord } from 'throwover';
import { every, systemClock } from 'throwover/kernel';
import { guardStatus } from './guard-status.ts';
import { type LabMap, regionNames } from './map.ts';

/** Time between two samples of the replication lag, ms. */
const sampleMs = 200;

export type LagSampler = ReturnType<typeof sampleLag>;

/**
 * Samples the lag that the primary sees, from the guard that is beside a primary with a standby.
 */
export function sampleLag(map: LabMap) {
  const samples: LagRecord[] = [];
  const stopping = new AbortController();
  const rhythm = { clock: systemClock, pauseMs: sampleMs, signal: stopping.signal };
  const running = every({ ...rhythm, failed: () => {} }, async () => {
    const all = await Promise.allSettled(regionNames.map((name) => guardStatus(map, name)));
    const atMs = systemClock.wallMs();
    for (const answer of all) {
      if (answer.status === 'rejected' || answer.value.standby === null) continue;
      const { lagMs, lagBytes } = answer.value.standby;
      samples.push({ type: 'lag', atMs, lagMs, lagBytes });
    }
  });
  return {
    samples,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
