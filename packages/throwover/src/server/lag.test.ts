import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Position, positionOf } from '@throwover/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseSide, DatabaseStatus } from '../authority/database-side.ts';
import { ThrowoverError } from '../kernel/kernel.ts';
import { createVirtualClock } from '../kernel/virtual-clock.ts';
import { summarize } from '../replication/lag-history.ts';
import { type LagLog, openLagLog } from './lag-log.ts';
import { sampleOnce } from './lag-watch.ts';

let dir: string;
let log: LagLog;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-lag-'));
  log = openLagLog(dir);
});
afterEach(async () => {
  log.close();
  await rm(dir, { recursive: true });
});

const at = (lsn: string): Position => positionOf(1, lsn);
const away = new ThrowoverError(
  'database-unreachable',
  { disposition: 'retry', notLost: '', remedy: '' },
  'no answer',
);

function side(region: string, look: () => Partial<DatabaseStatus> | null): DatabaseSide {
  const status = async () => {
    const seen = look();
    if (seen === null) throw away;
    return { region, closed: null, known: { epoch: 1, active: 'east' }, standby: null, ...seen };
  };
  return { region, status } as unknown as DatabaseSide;
}

describe('continuous lag', () => {
  it('keeps where the primary stood, and goes on measuring by position when it is gone', async () => {
    const clock = createVirtualClock();
    let east: Partial<DatabaseStatus> | null = {
      role: 'primary',
      position: at('0/10'),
      standby: { lagMs: 20, lagBytes: 0, state: 'streaming' },
    };
    const west: Partial<DatabaseStatus> = { role: 'standby', position: at('0/10') };
    const sides = [side('east', () => east), side('west', () => west)];
    const options = { service: 'checkout', sides, log, clock };
    await sampleOnce(options);
    const startMs = clock.wallMs();
    east = null;
    await clock.advance(3_000);
    await sampleOnce(options);

    expect(log.sightings('checkout', 'east')).toEqual([
      { wallMs: startMs, position: at('0/10'), by: 'the store' },
    ]);
    const minutes = log.minutes({ service: 'checkout', from: 'east', to: 'west' });
    expect(summarize(minutes, 'position', clock.wallMs())).toMatchObject({ count: 2, max: 3_000 });
    expect(summarize(minutes, 'heartbeat', clock.wallMs())).toMatchObject({ count: 1, unknown: 1 });
  });

  it('sees no primary while two say that they are it', async () => {
    const clock = createVirtualClock();
    const primary = () => ({ role: 'primary', position: at('0/10') }) as const;
    const sides = [side('east', primary), side('west', primary)];
    await sampleOnce({ service: 'checkout', sides, log, clock });
    expect(log.sightings('checkout', 'east')).toEqual([]);
  });

  it('is there again after a restart, ten minutes of sightings and no more', () => {
    for (let second = 0; second < 700; second++) {
      log.see('checkout', 'east', {
        wallMs: second * 1_000,
        position: at('0/10'),
        by: 'the store',
      });
    }
    log.close();
    log = openLagLog(dir);
    const kept = log.sightings('checkout', 'east');
    expect([kept.length, kept[0]?.wallMs]).toEqual([600, 699_000]);
  });
});
