import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import { dayMs, startOf } from '../replication/lag-history.ts';
import { openLagLog } from './lag-log.ts';

const script = fileURLToPath(new URL('lag-log.fixture.ts', import.meta.url));

test('after SIGKILL every sample of a minute that was over is there, across hours and a day, once', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'throwover-lag-kill-'));
  const clock = createVirtualClock();
  // Hours and a day end within the sampled period.
  let beginMs = startOf(clock.wallMs(), dayMs) + dayMs - 90 * 60_000;
  let least = 0;
  try {
    for (const minutes of [70, 45, 200]) {
      const child = spawn(
        process.execPath,
        ['--conditions=throwover-source', script, dataDir, String(beginMs)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const exited = once(child, 'exit');
      let over = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        over = Number(line);
        if (over === minutes) child.kill('SIGKILL');
      }
      await exited;
      least += over * 60;
      beginMs += over * 60_000;

      await clock.advance(Math.max(0, beginMs - clock.wallMs()));
      const log = openLagLog(dataDir, clock);
      const [report] = await log.reports('checkout');
      log.close();
      const count = report?.lag?.count ?? 0;
      // It was killed during a minute that it has not printed: only that minute may be stored or
      // missing.
      expect(count).toBeGreaterThanOrEqual(least);
      expect(count % 60).toBe(0);
      expect(report?.lag).toMatchObject({ max: 49, unknown: 0 });
      beginMs += count * 1_000 - least * 1_000;
      least = count;
    }
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
