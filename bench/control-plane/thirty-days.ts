import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from 'throwover/kernel';
import { openLagLog } from '../../packages/throwover/src/server/lag-log.ts';

const dayMs = 86_400_000;

/**
 * Seconds between two samples. Rows are as large as with one sample a second, since they have the
 * same buckets.
 */
const everySeconds = 300;

/**
 * Writes the lag of 30 days for each service, in the form that `throwover serve` stores: its own
 * log writes the first, the others are copies.
 */
export function writeThirtyDays(dataDir: string, services: readonly string[]): void {
  mkdirSync(dataDir, { recursive: true });
  const [first = '', ...others] = services;
  const nowMs = systemClock.wallMs();
  const log = openLagLog(dataDir, systemClock);
  const direction = { service: first, from: 'east', to: 'west' };
  for (let second = 0; second < (30 * dayMs) / 1_000; second += everySeconds) {
    const wallMs = nowMs - 30 * dayMs + second * 1_000;
    // From 2 ms to 40 ms in a day, with a spike each hour.
    const dailyMs = 21 + 19 * Math.sin((second / 86_400) * 2 * Math.PI);
    const ms = dailyMs + (second % 3_600 === 0 ? 900 : second % 7);
    log.sample(direction, { wallMs, lagMs: ms, heartbeatMs: ms, bytes: 4_096 });
  }
  log.close();
  const db = new DatabaseSync(join(dataDir, 'lag.sqlite'));
  const copy = db.prepare(
    `INSERT INTO spans SELECT ?, source, target, width_ms, start_ms, body FROM spans WHERE service = ?`,
  );
  for (const service of others) copy.run(service, first);
  db.close();
}
