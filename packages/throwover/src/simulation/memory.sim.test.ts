import { setImmediate } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { expect, test } from 'vitest';
import { runSeed } from './run-seed.ts';
import { SimProcess } from './world/machine.ts';

/**
 * One of these seeds kills a controller in the middle of a step. Its world used to stay in memory,
 * 21 KB a seed on average.
 */
const seeds = [6, 7, 8, 9, 10];

test('nothing of a seed stays in memory once it has ended', async () => {
  for (const seed of seeds) await runSeed(seed);
  // Waits a turn of the event loop, so that nothing of the last seed is still on the stack.
  await setImmediate();
  // Collects garbage first, so this counts only the objects that are still referenced.
  expect(queryObjects(SimProcess)).toBe(0);
});
