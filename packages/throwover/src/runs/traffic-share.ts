import type { ShareOfTraffic } from '../functions/functions.ts';
import type { Clock } from '../kernel/kernel.ts';
import type { LatencyPiece } from '../traffic/traffic.ts';
import type { RunPolicy, RunPorts } from './ports.ts';

/** A share that is not renewed ends after this time, ms: twenty observations of a ramp. */
const shareLastsMs = 10_000;

/** Period over which the old region's requests are taken as the baseline, ms. */
const baselineMs = 60_000;

/**
 * Sends shares of the traffic to the new region: the old region's door forwards them, the new
 * region's door serves them. `null` if the doors do not count latency.
 */
export function trafficShare(
  { from, to }: RunPorts,
  policy: RunPolicy,
  clock: Clock,
): ShareOfTraffic | null {
  const { counts } = to;
  const before = from.counts;
  if (counts === undefined || before === undefined) return null;
  const { epoch } = policy;
  const seen = async (of: typeof counts, sinceWallMs: number) => {
    const untilWallMs = clock.wallMs();
    const widthMs = Math.max(1, untilWallMs - sinceWallMs);
    const [piece] = await of.latency({ sinceWallMs, untilWallMs, widthMs });
    return figuresOf(piece);
  };
  return {
    setShare: async (share, token) => {
      // Set the new door first: it may be in mode `forward`, to the region that the requests come
      // from.
      const { current } = await to.door.status();
      if (current.mode !== 'serve') await to.door.set({ mode: 'serve', epoch }, token);
      const target = { region: to.name, url: policy.forwardUrl };
      await from.door.set({ mode: 'share', epoch, ...target, share, maxMs: shareLastsMs }, token);
    },
    end: async (token) => {
      await from.door.set({ mode: 'serve', epoch }, token);
      const url = policy.backwardUrl;
      await to.door.set({ mode: 'forward', epoch, region: from.name, url }, token);
    },
    seen: (sinceWallMs) => seen(counts, sinceWallMs),
    baseline: () => seen(before, clock.wallMs() - baselineMs),
  };
}

function figuresOf(piece: LatencyPiece | undefined) {
  const { requests = 0, p99Ms = null, failed = 0 } = piece ?? {};
  return { requests, p99Ms, errorRate: requests === 0 ? null : failed / requests };
}
