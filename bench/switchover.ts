import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quantiles, systemClock } from 'throwover/kernel';
import { Lab } from '../packages/lab/src/world/lab.ts';
import { otherRegion } from '../packages/lab/src/world/map.ts';
import { labOptions } from '../packages/lab/src/world/options.ts';
import { missingOrders } from '../packages/lab/src/world/survivors.ts';
import { throwoverJson } from '../packages/lab/src/world/throwover-cli.ts';
import { startFollowingWriter, writeGapMs } from './following-writer.ts';
import type { BenchOptions } from './options.ts';
import { measureFloor } from './switchover-floor.ts';

/** First of the ports that a benchmark's lab takes: apart from a lab that runs by hand. */
const portBase = 8600;

/** The writer's pace, ms, as in the floor. */
const paceMs = 1;

/** How long the writer writes before each run, ms. */
const steadyMs = 500;

/** Aim: at most this much of the floor's median. */
const aimRatio = 1.5;

interface Latency {
  readonly latencyMs: number;
  readonly rounds: number;
  readonly floorGapMs: { readonly median: number; readonly min: number; readonly max: number };
  readonly throwoverGapMs: { readonly median: number; readonly min: number; readonly max: number };
  readonly ratio: number;
  readonly writesLost: number;
}

/**
 * Write gap of a planned switch, beside the floor measured in the same run: one writer at a 1 ms pace
 * straight to PostgreSQL, which follows the primary; the longest time between two acknowledged writes.
 */
export async function benchSwitchover({ quick, say }: BenchOptions) {
  const rounds = quick ? 2 : 10;
  const dir = join(tmpdir(), `throwover-bench-${portBase}`);
  await rm(dir, { recursive: true, force: true });
  const latencies: Latency[] = [];
  const floors = new Map<number, readonly { writeGapMs: number; writesLost: number }[]>();
  try {
    for (const latencyMs of [0, 40]) {
      const floor = await measureFloor({
        rounds,
        latencyMs,
        dir: join(dir, 'floor'),
        portBase,
        pgBin: null,
        clock: systemClock,
      });
      say(`floor at ${latencyMs} ms one way: ${gapsOf(floor)}`);
      floors.set(latencyMs, floor);
    }
    const lab = await Lab.up(
      labOptions({ portBase, dir: join(dir, 'lab'), lagProfile: 'none', keepWarm: '1s' }),
    );
    try {
      for (const [latencyMs, floor] of floors) {
        await lab.setLatency(latencyMs);
        const ours: Measured[] = [];
        for (let round = 1; round <= rounds; round++) ours.push(await switchOnce(lab, round));
        say(`throwover at ${latencyMs} ms one way: ${gapsOf(ours)}`);
        const floorGapMs = spread(floor.map((one) => one.writeGapMs));
        const throwoverGapMs = spread(ours.map((one) => one.writeGapMs));
        const ratio = throwoverGapMs.median / floorGapMs.median;
        say(`ratio of medians ${ratio.toFixed(2)} (aim: at most ${aimRatio})`);
        const writesLost = ours.reduce((sum, one) => sum + one.writesLost, 0);
        latencies.push({ latencyMs, rounds, floorGapMs, throwoverGapMs, ratio, writesLost });
      }
    } finally {
      await lab.down();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return { bench: 'switchover', quick, aimRatio, latencies };
}

interface Measured {
  readonly writeGapMs: number;
  readonly writesLost: number;
}

async function switchOnce(lab: Lab, round: number): Promise<Measured> {
  const from = await lab.active();
  const to = otherRegion(from);
  const { dir } = lab.options;
  const writer = startFollowingWriter({
    sides: [lab.map.regions[from].private.postgres, lab.map.regions[to].private.postgres],
    paceMs,
    prefix: `throwover-${systemClock.wallMs()}-${round}`,
    clock: systemClock,
  });
  try {
    await systemClock.sleep(steadyMs);
    const plan = await throwoverJson<{ digest: string }>(['plan', 'switchover', '--to', to], dir);
    await throwoverJson(['switchover', '--to', to, '--yes', plan.digest], dir);
    await writer.stop();
    const lost = await missingOrders(
      lab.map,
      to,
      writer.acknowledged.map(({ key }) => key),
    );
    return { writeGapMs: writeGapMs(writer.acknowledged), writesLost: lost.length };
  } finally {
    await writer.stop();
  }
}

function spread(gaps: readonly number[]) {
  const all = quantiles(gaps);
  if (all === null) throw new Error('no round was measured');
  return { median: all.p50, min: Math.min(...gaps), max: all.max };
}

function gapsOf(rounds: readonly { writeGapMs: number }[]): string {
  const { median, min, max } = spread(rounds.map((one) => one.writeGapMs));
  const ms = (value: number) => value.toFixed(0);
  return `write gap ${ms(min)} / ${ms(median)} / ${ms(max)} ms (min / median / max of ${rounds.length})`;
}
