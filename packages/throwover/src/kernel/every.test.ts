import { expect, test } from 'vitest';
import { every } from './every.ts';
import { createVirtualClock } from './virtual-clock.fixture.ts';

function watch(look: (times: number) => Promise<void>, pauseMs: number | (() => number) = 1_000) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const looks: number[] = [];
  const failures: string[] = [];
  const ended = every(
    { clock, pauseMs, signal: stop.signal, failed: (error) => failures.push(String(error)) },
    () => {
      looks.push(clock.monotonicMs());
      return look(looks.length);
    },
  );
  return { clock, stop, looks, failures, ended };
}

test('looks at once and after each pause, until it is ended', async () => {
  const { clock, stop, looks, ended } = watch(async () => {});
  await clock.advance(2_500);
  stop.abort();
  await clock.advance(5_000);
  await ended;
  expect(looks).toEqual([0, 1_000, 2_000]);
});

test('goes on after an error and after a bug, and tells each', async () => {
  const { clock, stop, looks, failures } = watch(async (times) => {
    if (times === 1) throw new TypeError('a bug');
    if (times === 2) throw new Error('no answer');
  });
  await clock.advance(3_500);
  stop.abort();
  expect(looks).toHaveLength(4);
  expect(failures).toEqual(['TypeError: a bug', 'Error: no answer']);
});

test('asks for the pause after each look', async () => {
  const pauses = [100, 400];
  const { clock, stop, looks } = watch(
    async () => {},
    () => pauses.shift() ?? 10_000,
  );
  await clock.advance(2_000);
  stop.abort();
  expect(looks).toEqual([0, 100, 500]);
});

test('an error of the look that was ended is nobody’s', async () => {
  const cut = Promise.withResolvers<void>();
  const { stop, failures, ended } = watch(() => cut.promise);
  stop.abort();
  cut.reject(new Error('cut off'));
  await ended;
  expect(failures).toEqual([]);
});
