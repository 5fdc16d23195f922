import { type Endpoint, systemClock } from 'throwover/kernel';
import { askJson } from './json.ts';

/** Time between two samples of the replication lag, ms. */
const sampleMs = 200;

export interface LagSample {
  readonly type: 'lag';
  readonly atMs: number;
  readonly lagMs: number | null;
  readonly lagBytes: number;
}

export interface LagSampler {
  readonly samples: readonly LagSample[];
  stop(): Promise<void>;
}

/**
 * Samples the lag that the primary sees, from the guard that is beside a primary with a standby.
 */
export function sampleLag(guards: readonly Endpoint[]): LagSampler {
  const samples: LagSample[] = [];
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const all = await Promise.allSettled(
        guards.map((guard) =>
          askJson<{ standby: { lagMs: number | null; lagBytes: number } | null }>(
            guard,
            '/v1/status',
          ),
        ),
      );
      const atMs = systemClock.wallMs();
      for (const answer of all) {
        if (answer.status === 'rejected' || answer.value.standby === null) continue;
        const { lagMs, lagBytes } = answer.value.standby;
        samples.push({ type: 'lag', atMs, lagMs, lagBytes });
      }
      await systemClock.sleep(sampleMs, stopping.signal).catch(() => {});
    }
  })();
  return {
    samples,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
