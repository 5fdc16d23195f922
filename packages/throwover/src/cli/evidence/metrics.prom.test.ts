import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { World } from '../../runs/runs.fixture.ts';
import { worldSession } from '../world-session.fixture.ts';
import { metricsApp } from './metrics.fixture.ts';

const missing = spawnSync('promtool', ['--version']).error !== undefined;

test.skipIf(missing)(
  `promtool finds nothing wrong with what is scraped${missing ? ' (skipped: no promtool)' : ''}`,
  async () => {
    const world = await new World().begin();
    await world.run('switchover');
    const app = metricsApp([worldSession(world)]);
    const answer = await world.clock.until(Promise.resolve(app.request('/metrics')), 60_000);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: await answer.text(),
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  },
);
