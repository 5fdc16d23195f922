import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { openLagLog } from './lag-log.ts';
import { writeOldMinutes } from './lag-minutes.fixture.ts';

const dayMs = 86_400_000;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-lag-migration-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** 30 days up to the current minute, as the version before stored them. */
function thirtyDays(service: string, lagMs: (wallMs: number) => number | null) {
  const untilMs = Math.floor(systemClock.wallMs() / 60_000) * 60_000;
  const sinceMs = untilMs - 30 * dayMs;
  writeOldMinutes(dir, { service, from: 'east', to: 'west', sinceMs, untilMs, lagMs });
  return { sinceMs, untilMs };
}

test('30 days of an older version are taken over: counts, maximum and worst minute exactly', async () => {
  const spikeMs = Math.floor(systemClock.wallMs() / 60_000) * 60_000 - 11.4 * dayMs;
  const silentMs = spikeMs + dayMs;
  thirtyDays('checkout', (wallMs) => {
    if (wallMs === spikeMs) return 7_300;
    return wallMs >= silentMs && wallMs < silentMs + 600_000 ? null : 2 + ((wallMs / 1_000) % 40);
  });
  const log = openLagLog(dir, systemClock);
  // Sampled before the migration has ended: nothing of either is lost.
  const direction = { service: 'checkout', from: 'east', to: 'west' };
  const wallMs = systemClock.wallMs();
  log.sample(direction, { wallMs, lagMs: 3, heartbeatMs: 3, bytes: 1 });
  const [report] = await log.reports('checkout');
  log.close();
  for (const measure of [report?.lag, report?.heartbeat]) {
    expect(measure).toMatchObject({
      count: 30 * 86_400 - 600 + 1,
      unknown: 600,
      max: 7_300,
      worstWallMs: Math.floor(spikeMs / 60_000) * 60_000,
      maxBytes: 4_096,
    });
    // The old buckets were up to 15 % too high; the sketch adds at most its 1 %.
    expect(measure?.p50).toBeGreaterThanOrEqual(21 * 0.99);
    expect(measure?.p50).toBeLessThanOrEqual(22 * 1.15 * 1.01);
  }
  const db = new DatabaseSync(join(dir, 'lag.sqlite'));
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE name = 'minutes'").all();
  db.close();
  expect(tables).toEqual([]);
});

test('an end in the middle loses nothing and counts nothing twice; other services do not wait', async () => {
  const { sinceMs, untilMs } = thirtyDays('checkout', () => 9);
  const other = { service: 'billing', from: 'west', to: 'east', sinceMs: untilMs - dayMs, untilMs };
  writeOldMinutes(dir, { ...other, lagMs: () => 4 });
  for (let round = 0; round < 3; round++) {
    const log = openLagLog(dir, systemClock);
    // Billing is migrated first; a part of checkout's days follows.
    await log.reports('billing');
    await systemClock.sleep(20);
    log.close();
  }
  const log = openLagLog(dir, systemClock);
  const [[checkout], [billing]] = await Promise.all([
    log.reports('checkout'),
    log.reports('billing'),
  ]);
  log.close();
  expect(checkout?.lag).toMatchObject({ count: 30 * 86_400, max: 9, worstWallMs: sinceMs });
  expect(billing?.lag).toMatchObject({ count: 86_400, max: 4 });
});
