import { expect, test } from 'vitest';
import { createEventQueue } from './event-queue.ts';

test('events of one instant run in the order in which they were scheduled, the earlier instant first', async () => {
  const queue = createEventQueue();
  const seen: string[] = [];
  queue.at(2, () => seen.push('late'));
  queue.at(1, () => seen.push('first'));
  queue.at(1, () => seen.push('cancelled')).cancel();
  queue.at(1, () => seen.push('second'));
  await expect(queue.run({ untilMs: 10 })).resolves.toBe('empty');
  expect(seen).toEqual(['first', 'second', 'late']);
  expect(queue.count).toBe(3);
});

test('what an event sets going runs to its next wait before the next event', async () => {
  const queue = createEventQueue();
  const seen: string[] = [];
  queue.at(1, async () => {
    for (let turn = 0; turn < 20; turn++) await null;
    seen.push('woken');
  });
  queue.at(1, () => seen.push('next'));
  await queue.run({ untilMs: 10 });
  expect(seen).toEqual(['woken', 'next']);
});

test('an event that moved nothing is followed at once; one after it that moves something is not', async () => {
  const queue = createEventQueue();
  const seen: string[] = [];
  queue.at(1, () => {
    queue.nothingMoved();
    void Promise.resolve().then(() => seen.push('a turn'));
  });
  queue.at(1, async () => {
    seen.push('moves');
    for (let turn = 0; turn < 20; turn++) await null;
    seen.push('moved');
  });
  queue.at(1, () => seen.push('last'));
  await queue.run({ untilMs: 10 });
  // Called wrongly on purpose, to show that there was no turn of the event loop.
  expect(seen).toEqual(['moves', 'a turn', 'moved', 'last']);
});

test('ends at its time and at what was asked for, after an event that moved nothing too', async () => {
  const queue = createEventQueue();
  for (let at = 1; at <= 5; at++) queue.at(at, () => queue.nothingMoved());
  await expect(queue.run({ untilMs: 10, done: () => queue.count === 2 })).resolves.toBe('done');
  await expect(queue.run({ untilMs: 4 })).resolves.toBe('time');
  expect([queue.count, queue.nowMs()]).toEqual([4, 4]);
});
