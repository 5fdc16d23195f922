import { readFile } from 'node:fs/promises';

/** The work of all processors together since the machine started, in ticks. */
export interface Ticks {
  readonly busy: number;
  readonly all: number;
}

/**
 * Reads /proc/stat: waiting for a disk counts as idle, and time taken by a hypervisor counts as
 * busy.
 */
export async function machineTicks(): Promise<Ticks> {
  return ticksIn(await readFile('/proc/stat', 'utf8'));
}

export function ticksIn(stat: string): Ticks {
  const first = stat.split('\n').find((line) => line.startsWith('cpu '));
  // user nice system idle iowait irq softirq steal; guest time is within user's.
  const ticks = (first ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, count) => sum + count, 0);
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return { busy: all - idle, all };
}

/** Returns the busy share, 0 to 1; `null` when no time has passed. */
export function busyShare(before: Ticks, after: Ticks): number | null {
  const all = after.all - before.all;
  return all <= 0 ? null : Math.min(1, Math.max(0, (after.busy - before.busy) / all));
}
