/**
 * A process for tests that kill it: samples lag without a pause, one second of its own clock after
 * the other, and prints how many minutes have passed. Arguments: data directory, begin in wall ms.
 */
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import { openLagLog } from './lag-log.ts';

const [dataDir = '', begin = ''] = process.argv.slice(2);
const log = openLagLog(dataDir, createVirtualClock());
for (let second = 0; ; second++) {
  const wallMs = Number(begin) + second * 1_000;
  const ms = second % 50;
  log.sample(
    { service: 'checkout', from: 'east', to: 'west' },
    { wallMs, lagMs: ms, heartbeatMs: ms, bytes: 0 },
  );
  if (second % 60 === 0) process.stdout.write(`${second / 60}\n`);
}
