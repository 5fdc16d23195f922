import { expect, test } from 'vitest';
import { createVirtualClock } from './virtual-clock.fixture.ts';

test('sleeps end in the order of their instants, at their instants', async () => {
  const clock = createVirtualClock();
  const woken: string[] = [];
  const sleeper = async (name: string, ms: number) => {
    await clock.sleep(ms);
    woken.push(`${name} ${clock.monotonicMs()}`);
  };
  void sleeper('late', 300);
  void sleeper('early', 100).then(() => sleeper('then', 150));
  await clock.advance(299);
  expect(woken).toEqual(['early 100', 'then 250']);
  await clock.advance(1);
  expect(woken).toEqual(['early 100', 'then 250', 'late 300']);
  expect(clock.wallMs() - createVirtualClock().wallMs()).toBe(300);
});

test('until moves time by itself, and finds a deadlock and an endless loop', async () => {
  const clock = createVirtualClock();
  expect(
    await clock.until(
      clock.sleep(86_400_000).then(() => 'a day'),
      86_400_000,
    ),
  ).toBe('a day');
  await expect(clock.until(new Promise(() => {}))).rejects.toThrow('deadlock');
  const endless = async () => {
    for (;;) await clock.sleep(1_000);
  };
  await expect(clock.until(endless(), 10_000)).rejects.toThrow('not settled');
});

test('an aborted sleep rejects with the reason and holds nobody up', async () => {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const sleep = clock.sleep(1_000, stop.signal);
  stop.abort('enough');
  await expect(sleep).rejects.toBe('enough');
  await expect(clock.sleep(1, stop.signal)).rejects.toBe('enough');
  expect(clock.monotonicMs()).toBe(0);
});
