import { formatMs, isoTime } from '../../kernel/kernel.ts';
import type { LagReport } from '../../replication/replication.ts';

/** Returns the sampled lag of one direction: worst, p99, number of samples, age (A7). */
export function lagText({ lag }: LagReport): string {
  // The plan of a run made by an older version has it in another form.
  if (lag == null) return 'lag unknown: nothing was sampled';
  const { max, worstWallMs, p99, count, spanMs, ageMs } = lag;
  const when = isoTime(worstWallMs).slice(0, 16).replace('T', ' ');
  return `worst ${formatMs(max)} at ${when}, p99 ${formatMs(p99)}, ${count} samples in ${days(spanMs)}, newest ${formatMs(ageMs)} ago`;
}

/**
 * Returns the cost of waiting for the standby, measured by the standby's own answers: the trade-off
 * of `durability`.
 */
export function durabilityText(
  durability: 'asynchronous' | 'synchronous',
  report: LagReport | undefined,
): string {
  const heartbeat = report?.heartbeat ?? null;
  const cost =
    heartbeat === null
      ? 'an unknown time: nothing was sampled'
      : `about ${formatMs(heartbeat.p50)}, p99 ${formatMs(heartbeat.p99)} (${heartbeat.count} answers of the standby)`;
  return durability === 'synchronous'
    ? `synchronous: each commit waits ${cost}`
    : `asynchronous: a failover may lose writes; synchronous: each commit would wait ${cost}`;
}

function days(ms: number): string {
  return ms < 86_400_000 ? formatMs(ms) : `${Math.round(ms / 86_400_000)} days`;
}
