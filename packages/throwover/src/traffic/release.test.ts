import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import { Release } from './release.ts';

test('those that are slow let as many again go, and not more, until they hang', async () => {
  const clock = createVirtualClock();
  const held = Array.from({ length: 30 }, () => ({ res: new EventEmitter() as ServerResponse }));
  const gone: ServerResponse[] = [];
  const release = new Release({
    clock,
    take: () => held.shift(),
    go: ({ res }) => void gone.push(res),
  });
  release.begin(6);
  expect(gone).toHaveLength(6);
  await clock.advance(250);
  expect(gone).toHaveLength(12);
  await clock.advance(2_000);
  expect(gone).toHaveLength(12);
  // Each answer lets one more go, be it late or not.
  gone[0]?.emit('close');
  gone[11]?.emit('close');
  expect(gone).toHaveLength(14);
  release.pause();
  gone[1]?.emit('close');
  await clock.advance(10_000);
  expect(gone).toHaveLength(14);
  release.begin(6);
  expect(gone).toHaveLength(20);
  await clock.advance(5_000);
  expect(gone.length).toBeGreaterThan(20);
  release.end();
});
