import { describe, expect, test } from 'vitest';
import { TimeScale } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import type { StepContext } from '../../runbook/step.ts';
import type { DnsProvider, DnsRecord } from '../dns.ts';
import { adviseTtl } from './advice.ts';
import { beyondTtlMs, cacheLifeMs, holdoverMs, type MeasuredResolver } from './cache-life.ts';
import { lowerTtl } from './lower-ttl.ts';

const resolver = (given: Partial<MeasuredResolver> = {}): MeasuredResolver => ({
  behaviour: 'honest',
  clampSeconds: null,
  ttlSeconds: 60,
  holdsMs: [60_000],
  weight: 1,
  ...given,
});
const clamped = (seconds: number) =>
  resolver({ behaviour: 'clamps-minimum', clampSeconds: seconds, holdsMs: [seconds * 1_000] });

describe('how long a resolver keeps an answer', () => {
  test.each([
    ['honest', resolver(), 5, 5_000],
    ['a minimum above the TTL', clamped(300), 5, 300_000],
    ['a minimum below the TTL', clamped(30), 60, 60_000],
    ['a maximum', resolver({ behaviour: 'clamps-maximum', clampSeconds: 30 }), 60, 30_000],
    ['serves stale', resolver({ behaviour: 'serves-stale', holdsMs: [90_000] }), 5, 35_000],
    ['ignores', resolver({ behaviour: 'ignores', holdsMs: [900_000] }), 5, 900_000],
    ['unknown', resolver({ behaviour: 'unknown' }), 5, null],
  ])('%s', (_, given, ttl, life) => {
    expect(cacheLifeMs(given, ttl)).toBe(life);
  });
});

describe('holdover', () => {
  test('honest resolvers: what is left of a copy is even between 0 and the TTL', () => {
    const ten = Array.from({ length: 10 }, () => resolver());
    expect(holdoverMs(ten, 60, 0.5).ms).toBeCloseTo(30_000, -2);
    expect(holdoverMs(ten, 60, 0.9)).toMatchObject({ atLeast: false, count: 10 });
    expect(holdoverMs(ten, 60, 0.99)).toMatchObject({ atLeast: true, count: 10 });
  });

  test('a tail by weight: a clamp of 900 s on a tenth of the clients', () => {
    const mix = [...Array.from({ length: 9 }, () => resolver()), clamped(900)];
    // 0.9 = 0.9 x min(1, t/60) + 0.1 x t/900 at t just under 60 s.
    expect(holdoverMs(mix, 60, 0.9).ms).toBeGreaterThan(59_000);
    // 0.95: 0.9 + 0.1 x t/900, t = 450 s.
    expect(holdoverMs(mix, 60, 0.95).ms).toBeCloseTo(450_000, -2);
    // A lower TTL moves the median, and does nothing for the tail.
    expect(holdoverMs(mix, 5, 0.5).ms).toBeLessThan(3_000);
    expect(holdoverMs(mix, 5, 0.95).ms).toBeCloseTo(450_000, -2);
  });

  test('fewer than three resolvers is unknown', () => {
    expect(holdoverMs([resolver(), resolver()], 60, 0.5)).toEqual({
      ms: null,
      atLeast: false,
      count: 2,
    });
  });

  test('beyond the TTL: nothing for honest ones, the clamp for the share that has one', () => {
    const mix = [...Array.from({ length: 8 }, () => resolver()), clamped(300), clamped(900)];
    expect(beyondTtlMs(mix, 60, 0.5).ms).toBe(0);
    expect(beyondTtlMs(mix, 60, 0.9).ms).toBe(240_000);
    expect(beyondTtlMs(mix, 60, 0.99).ms).toBe(840_000);
  });
});

describe('what a TTL costs', () => {
  const busy = Array.from({ length: 4 }, () => resolver());

  test('busy resolvers ask once a TTL each; idle ones at every lookup', () => {
    const at = (lookupsPerSecond: number, ttl: number) =>
      adviseTtl({ resolvers: busy, lookupsPerSecond, resolutionMs: 40 }, ttl);
    expect(at(4_000, 60).queriesPerSecond).toBeCloseTo(4 / 60, 3);
    expect(at(4_000, 5).queriesPerSecond).toBeCloseTo(4 / 5, 3);
    expect(at(0.0004, 60).missShare).toBeCloseTo(1, 1);
    expect(at(0.0004, 60).addedMs).toBeCloseTo(40, 0);
  });

  test('what is not measured is unknown', () => {
    const none = adviseTtl({ resolvers: busy, lookupsPerSecond: null, resolutionMs: 40 }, 60);
    expect(none).toMatchObject({ queriesPerSecond: null, missShare: null, addedMs: null });
    const unmeasured = adviseTtl({ resolvers: busy, lookupsPerSecond: 1, resolutionMs: null }, 60);
    expect(unmeasured.addedMs).toBeNull();
    expect(unmeasured.missShare).toBeGreaterThan(0);
  });
});

describe('lower-ttl', () => {
  function world() {
    const clock = createVirtualClock();
    const first: DnsRecord = {
      name: 'checkout.example.test',
      type: 'A',
      ttlSeconds: 60,
      values: ['127.0.1.1'],
      generation: { number: 4, epoch: 2, region: 'east' },
    };
    const state = { record: first, served: first, writes: 0 };
    const dns: DnsProvider = {
      read: async () => state.record,
      replace: async (old, next) => {
        expect(old).toEqual(state.record);
        state.record = next;
        state.writes += 1;
      },
      readBack: async () => state.served.values,
    };
    const step = () =>
      lowerTtl({
        dns,
        ttlSeconds: 60,
        lowTtlSeconds: 5,
        beyond: async () => ({ ms: 240_000, atLeast: false, count: 12 }),
        timeScale: new TimeScale(60),
      });
    const context = (before: StepContext['before'] = null): StepContext => ({
      run: {
        runId: 'r',
        service: 'checkout',
        kind: 'switchover',
        from: 'east',
        to: 'west',
        epoch: 2,
        token: 1,
      },
      clock,
      signal: new AbortController().signal,
      outcomes: new Map(),
      earlier: null,
      before,
      never: () => false,
      progress: () => {},
    });
    return { clock, state, step, context };
  }

  test('waits out the old TTL and what was measured beyond it, in scaled time', async () => {
    const { clock, state, step, context } = world();
    const lower = step();
    const before = await lower.observe(context());
    expect(before).toEqual({ state: 'pending', evidence: { ttlSeconds: 60 } });
    await lower.act(context());
    expect(state.record).toMatchObject({
      ttlSeconds: 5,
      values: ['127.0.1.1'],
      generation: { number: 5, epoch: 2, region: 'east' },
    });
    const seen = { ttlSeconds: 60 };
    expect((await lower.observe(context(seen))).state).toBe('pending');
    // (60 s + 240 s) / 60 = 5 s.
    await clock.advance(4_900);
    expect((await lower.observe(context(seen))).state).toBe('pending');
    await clock.advance(200);
    expect(await lower.observe(context(seen))).toMatchObject({
      state: 'done',
      evidence: { formerSeconds: 60, waitMs: 5_000, beyondMs: 240_000, resolvers: 12 },
    });
  });

  test('another controller waits anew, and does not write again', async () => {
    const { clock, state, step, context } = world();
    await step().act(context());
    const seen = { ttlSeconds: 60 };
    const taken = step();
    expect((await taken.observe(context(seen))).state).toBe('pending');
    await clock.advance(5_100);
    expect((await taken.observe(context(seen))).state).toBe('done');
    await taken.act(context(seen));
    expect(state.writes).toBe(1);
  });

  test('the undo writes the former TTL back, once, and leaves what a flip has written', async () => {
    const { state, step, context } = world();
    const lower = step();
    await lower.act(context());
    if (!('none' in lower.undo)) {
      await lower.undo(context({ ttlSeconds: 90 }));
      expect(state.record).toMatchObject({ ttlSeconds: 90, generation: { number: 6, epoch: 2 } });
      await lower.undo(context({ ttlSeconds: 90 }));
    }
    expect(state.writes).toBe(2);
  });
});
