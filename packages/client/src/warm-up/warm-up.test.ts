import { expect, test } from 'vitest';
import type { Clock } from '../clock.ts';
import { withWarmUp } from './warm-up.ts';

function clockOf(): Clock & { slept: number[] } {
  let nowMs = 0;
  const slept: number[] = [];
  return {
    slept,
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => {
      slept.push(ms);
      nowMs += ms;
    },
  };
}

test('the application never sees a warm-up, and sees everything else as it came', async () => {
  const seen: unknown[] = [];
  const handler = withWarmUp(
    async (event: unknown, context: { id: string }) => {
      seen.push([event, context]);
      return 'done';
    },
    { clock: clockOf() },
  );
  await handler({ 'throwover-warm-up': { holdMs: 10 } }, { id: '1' });
  expect(await handler({ rawPath: '/orders' }, { id: '2' })).toBe('done');
  expect(seen).toEqual([[{ rawPath: '/orders' }, { id: '2' }]]);
});

test('a warm-up is held for as long as it is told, less what preparing took, and bounded', async () => {
  const clock = clockOf();
  const handler = withWarmUp(async () => null, { clock, prepare: () => clock.sleep(30) });
  const answer = await handler({ 'throwover-warm-up': { holdMs: 100 } });
  expect(clock.slept).toEqual([30, 70]);
  expect(answer).toMatchObject({ 'throwover-warm-up': { heldMs: 100, cold: true } });
  await handler({ 'throwover-warm-up': { holdMs: 3_600_000 } });
  expect(clock.slept.at(-1)).toBe(20_000 - 30);
});

test('all warm-ups of one environment carry one id, and only the first is cold', async () => {
  const one = withWarmUp(async () => null, { clock: clockOf() });
  const other = withWarmUp(async () => null, { clock: clockOf() });
  const ping = { 'throwover-warm-up': { holdMs: 0 } };
  const answers = [await one(ping), await one(ping), await other(ping)].map(
    (answer) =>
      (answer as { 'throwover-warm-up': { instance: string; cold: boolean } })['throwover-warm-up'],
  );
  expect(answers.map(({ cold }) => cold)).toEqual([true, false, true]);
  expect(answers[0]?.instance).toBe(answers[1]?.instance);
  expect(answers[0]?.instance).not.toBe(answers[2]?.instance);
});

test('a warm-up makes the first request of the application a warm one', async () => {
  const cold = withWarmUp(async () => ({ statusCode: 200, headers: { a: '1' } }));
  expect(await cold({})).toEqual({
    statusCode: 200,
    headers: { a: '1', 'throwover-start': 'cold' },
  });
  expect(await cold({})).toMatchObject({ headers: { 'throwover-start': 'warm' } });
  const warmed = withWarmUp(async () => ({ statusCode: 200 }), { clock: clockOf() });
  await warmed({ 'throwover-warm-up': { holdMs: 0 } });
  expect(await warmed({})).toMatchObject({ headers: { 'throwover-start': 'warm' } });
});

test('a preparation that fails fails the warm-up, not the application', async () => {
  const handler = withWarmUp(async () => 'served', {
    clock: clockOf(),
    prepare: () => Promise.reject(new Error('no database')),
  });
  await expect(handler({ 'throwover-warm-up': { holdMs: 0 } })).rejects.toThrow('no database');
  expect(await handler({})).toBe('served');
});
