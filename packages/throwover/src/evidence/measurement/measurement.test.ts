import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../kernel/kernel.ts';
import { lifeBetween } from './life-time.ts';
import { baselineWriteGap, holdovers, measure, recoveryOf } from './measurement.ts';
import {
  evidenceOf,
  failing,
  lagOf,
  requestOf,
  stepOf,
  survivorsOf,
  webhookOf,
  writeOf,
} from './run-evidence.fixture.ts';
import type { RequestRecord, RunEvidence } from './run-evidence.ts';
import { sampleEvidence } from './sample.fixture.ts';

/** Returns one request each `everyMs` from `fromMs` to before `toMs`. */
function stream(
  [fromMs, toMs, everyMs]: readonly [number, number, number],
  make: (sentMs: number, index: number) => RequestRecord,
): RequestRecord[] {
  const out: RequestRecord[] = [];
  for (let at = fromMs; at < toMs; at += everyMs) out.push(make(at, out.length));
  return out;
}

describe('nothing was seen', () => {
  test('a recording without a request has no figure but counts of 0, and meets no objective', () => {
    expect(measure(evidenceOf({ flippedMs: null }))).toEqual({
      writesAcknowledged: 0,
      writesLost: 0,
      twoWritersMs: 0,
      staleReads: 0,
      reads: 0,
      requests: 0,
      requestsFailed: 0,
      requestsFailedAfterPromotion: 0,
      webhooksSent: 0,
      webhooksMissed: 0,
      webhooksLate: 0,
      writeGapMs: null,
      holdoverMs: null,
      p99Ms: { before: null, after: null, countBefore: 0, countAfter: 0 },
      lagMs: null,
      rtoMs: null,
      rtoLabMs: null,
      rpoMs: 0,
      objectivesMet: false,
      objectives: [
        { name: 'rto', valueMs: null, boundMs: 300_000, met: false },
        { name: 'rpo', valueMs: 0, boundMs: 0, met: true },
      ],
    });
  });
});

describe('writeGapMs', () => {
  const gap = (requests: RequestRecord[], keys: string[]) =>
    measure(evidenceOf({ requests, survivors: survivorsOf(keys) })).writeGapMs;

  test('is the longest time between the ends of two acknowledged writes that survive', () => {
    // Ends: 9910, 10410, 12010, 12110.
    const writes = [writeOf('a', 9_900), writeOf('b', 10_400), writeOf('c', 12_000)];
    expect(gap([...writes, writeOf('d', 12_100)], ['a', 'b', 'c', 'd'])).toBe(1_600);
  });

  test('a write that was lost or failed does not end a gap', () => {
    const writes = [
      writeOf('a', 9_900),
      writeOf('lost', 10_900),
      writeOf('failed', 11_500, failing),
      writeOf('d', 12_900),
    ];
    expect(gap(writes, ['a', 'failed', 'd'])).toBe(3_000);
  });

  test('before the first act the pace of the clients is not the price of the run', () => {
    // Ends: 10, 7010, 10510: the gap of 7000 ends before the first act.
    const requests = [writeOf('a', 0), writeOf('b', 7_000), writeOf('c', 10_500)];
    expect(gap(requests, ['a', 'b', 'c'])).toBe(3_500);
    const survivors = survivorsOf(['a', 'b', 'c']);
    expect(baselineWriteGap(evidenceOf({ requests, survivors }))?.ms).toBe(7_000);
  });

  test('lasts until the last write that was tried, when none was acknowledged any more', () => {
    const requests = [
      writeOf('a', 10_000),
      ...stream([11_000, 20_001, 1_000], (at, i) => writeOf(`f${i}`, at, failing)),
    ];
    expect(gap(requests, ['a'])).toBe(20_000 - 10_010);
  });

  test('an interval whose last write is under way when the last is sent is one interval', () => {
    expect(gap([writeOf('a', 10_000), writeOf('b', 11_000, { endMs: 14_010 })], ['a', 'b'])).toBe(
      4_000,
    );
  });

  test('lasts from the first write tried to the last, when none was acknowledged at all', () => {
    expect(gap([writeOf('a', 5_000, failing), writeOf('b', 15_000, failing)], [])).toBe(10_000);
  });

  test('is unknown when nobody tried to write after the first act', () => {
    expect(gap([writeOf('a', 100), writeOf('b', 200)], ['a', 'b'])).toBeNull();
    expect(gap([requestOf(20_000)], [])).toBeNull();
  });
});

describe('twoWritersMs', () => {
  const two = (requests: RequestRecord[]) => measure(evidenceOf({ requests })).twoWritersMs;

  test('is the time from the first acknowledgement by the new side to the last by the old', () => {
    const west = { region: 'west' };
    const both = [
      writeOf('a', 12_000),
      writeOf('b', 12_500, west),
      writeOf('c', 20_000),
      writeOf('d', 30_000, west),
    ];
    expect(two(both)).toBe(20_010 - 12_510);
  });

  test('is 0 when one ended before the other began, when one never wrote, when one only failed', () => {
    expect(two([writeOf('a', 12_000), writeOf('b', 12_500, { region: 'west' })])).toBe(0);
    expect(two([writeOf('a', 12_000)])).toBe(0);
    const failedLater = [
      writeOf('b', 12_500, { region: 'west' }),
      writeOf('c', 20_000, failing),
      requestOf(21_000),
    ];
    expect(two(failedLater)).toBe(0);
  });
});

describe('writes', () => {
  test('acknowledged and absent from the survivors is lost, once a key', () => {
    const requests = [
      writeOf('kept', 1_000),
      writeOf('lost', 2_000),
      writeOf('lost', 3_000, { status: 200 }),
      writeOf('failed', 4_000, failing),
      writeOf('no-answer', 5_000, { status: 0, error: 'ECONNRESET', ok: false }),
    ];
    // Two rows of one key, and a row of a write that was never acknowledged, change nothing.
    const survivors = survivorsOf(['kept', 'kept', 'no-answer']);
    const figures = measure(evidenceOf({ requests, survivors }));
    expect(figures).toMatchObject({ writesAcknowledged: 2, writesLost: 1, requestsFailed: 2 });
  });

  test('a write without a key is a mistake of the recorder, and is not counted away', () => {
    const requests = [{ ...writeOf('a', 1), key: null }];
    expect(() => measure(evidenceOf({ requests }))).toThrow('without its key');
  });
});

describe('requests', () => {
  test('each is answered, stale or failed; stale reads are no failures', () => {
    const requests = [
      requestOf(1_000),
      requestOf(2_000, { status: 404, ok: false, stale: true }),
      requestOf(3_000, failing),
      requestOf(4_000, { kind: 'list', key: null }),
    ];
    expect(measure(evidenceOf({ requests }))).toMatchObject({
      requests: 4,
      reads: 3,
      staleReads: 1,
      requestsFailed: 1,
    });
  });

  test('a failure counts as after the promotion when the client heard of it then', () => {
    const requests = [
      requestOf(11_000, { ...failing, endMs: 11_499 }),
      requestOf(11_000, { ...failing, endMs: 11_501 }),
      requestOf(13_000, failing),
    ];
    const steps = [stepOf('promote', [11_400, 11_500])];
    expect(measure(evidenceOf({ requests, steps })).requestsFailedAfterPromotion).toBe(2);
    const failed = [stepOf('promote', [11_400, 11_500], { result: 'failed' })];
    expect(measure(evidenceOf({ requests, steps: failed })).requestsFailedAfterPromotion).toBe(0);
  });

  test('all failed: counted, no recovery, a p99 that holds the time-outs', () => {
    const requests = stream([0, 40_000, 100], (at) =>
      requestOf(at, { status: 0, error: 'timeout', ok: false, region: null, endMs: at + 5_000 }),
    );
    expect(measure(evidenceOf({ requests }))).toMatchObject({
      requestsFailed: 400,
      rtoMs: null,
      objectivesMet: false,
      p99Ms: { before: 5_000, after: 5_000 },
    });
  });
});

describe('holdoverMs', () => {
  test("is the time of a client's last request that entered by the old region, 0 when there was none", () => {
    const requests = [
      requestOf(11_000, { client: 'a' }),
      requestOf(13_000, { client: 'a' }),
      requestOf(14_000, { client: 'a', region: 'west', entry: 'east', forwarded: true }),
      requestOf(15_000, { client: 'a', region: 'west' }),
      requestOf(13_000, { client: 'b', region: 'west' }),
      requestOf(16_000, { client: 'c', region: 'west' }),
      requestOf(22_000, { client: 'c' }),
      requestOf(11_000, { client: 'silent' }),
    ];
    const evidence = evidenceOf({ requests });
    // 0, 2000, 10000; p95 lies between the last two: 2000 + 0.9 x 8000.
    expect(measure(evidence).holdoverMs).toEqual({ p50: 2_000, p95: 9_200, max: 10_000, count: 3 });
    expect(holdovers(evidence).filter(({ unfinished }) => unfinished)).toEqual([
      { client: 'c', resolver: 'honest', ms: 10_000, unfinished: true },
    ]);
  });

  test('is unknown without a flip', () => {
    expect(measure(evidenceOf({ requests: [requestOf(13_000)], flippedMs: null })).holdoverMs).toBe(
      null,
    );
  });
});

describe('p99Ms', () => {
  test('before ends with the first act; after begins with the first step that touches writer or traffic', () => {
    const took = (sentMs: number, ms: number) => requestOf(sentMs, { endMs: sentMs + ms });
    const steps = [
      stepOf('warm', [10_000, 29_000]),
      stepOf('hold-door', [30_000, 30_001]),
      stepOf('flip', [30_100, 30_200]),
    ];
    const requests = [
      took(9_000, 20),
      took(9_990, 10),
      took(9_995, 999), // under way at the first act: not baseline
      took(20_000, 888), // while it armed: in neither
      took(29_900, 300), // under way when the door held
      took(34_999, 40), // the last in 5 s = 5 min of life
      took(35_000, 777),
    ];
    expect(measure(evidenceOf({ requests, steps })).p99Ms).toEqual({
      before: 19.9, // between 10 and 20
      after: 297.4, // between 40 and 300
      countBefore: 2,
      countAfter: 2,
    });
  });
});

describe('lagMs', () => {
  test('is the lag until the promotion; samples without a value are left out', () => {
    const lag = [lagOf(1_000, 10), lagOf(2_000, null), lagOf(3_000, 30), lagOf(20_000, 9_999)];
    const steps = [stepOf('promote', [11_000, 11_100])];
    expect(measure(evidenceOf({ lag, steps })).lagMs).toMatchObject({ count: 2, p50: 20, max: 30 });
  });
});

describe('webhooks', () => {
  const count = (given: Partial<RunEvidence>) => {
    const { webhooksSent, webhooksMissed, webhooksLate } = measure(evidenceOf(given));
    return [webhooksSent, webhooksMissed, webhooksLate];
  };
  const retried = (id: string, state: 'delivered' | 'retrying' | 'gave-up') =>
    webhookOf(id, 10_000, {
      state,
      attempts: [
        { atMs: 10_000, status: 503 },
        { atMs: 12_000, status: state === 'delivered' ? 200 : 503 },
      ],
    });

  test('missed: no effect although the sender holds a 2xx or gave up; not while it still tries', () => {
    const webhooks = [
      webhookOf('ok', 1_000),
      webhookOf('swallowed', 1_000),
      retried('gave-up', 'gave-up'),
      webhookOf('young', 59_500, { state: 'retrying', attempts: [{ atMs: 59_500, status: 503 }] }),
    ];
    const survivors = survivorsOf([], [{ id: 'ok', atMs: 1_050 }]);
    expect(count({ webhooks, survivors })).toEqual([4, 2, 0]);
  });

  test('late: more than a minute of life, of which only the waits of the sender are scaled', () => {
    const events = [
      // 2 s of the sender's wait are 2 min of life time.
      { id: 'retried', atMs: 12_050 },
      // 2 s held by the gateway are 2 s.
      { id: 'held', atMs: 12_000 },
      { id: 'held-for-long', atMs: 70_001 + 1_000 },
      // The answer was lost but the effect was not: it was in time, even if the sender does not
      // know.
      { id: 'answer-lost', atMs: 10_020 },
      // An effect of a second delivery later does not make it late.
      { id: 'answer-lost', atMs: 50_000 },
    ];
    const webhooks = [
      retried('retried', 'delivered'),
      webhookOf('held', 10_000),
      webhookOf('held-for-long', 10_000),
      retried('answer-lost', 'retrying'),
    ];
    const survivors = survivorsOf([], events);
    expect(count({ webhooks, survivors, toMs: 80_000 })).toEqual([4, 0, 2]);
  });

  test('late already: without effect, and the sender has been trying for minutes of life', () => {
    expect(count({ webhooks: [retried('waits', 'retrying')] })).toEqual([1, 0, 1]);
  });

  test('an effect without a 2xx is no miss', () => {
    const survivors = survivorsOf([], [{ id: 'gone', atMs: 10_010 }]);
    expect(count({ webhooks: [retried('gone', 'gave-up')], survivors })).toEqual([1, 0, 0]);
  });
});

describe('rtoMs', () => {
  const west = { region: 'west' };

  test('a switch before the flip costs machine time', () => {
    const requests = [
      ...stream([0, 10_400, 50], (at) => requestOf(at)),
      ...stream([10_800, 40_000, 50], (at) => requestOf(at, { ...west, entry: 'east' })),
    ];
    // First answer of the new region: 10810.
    const figures = measure(evidenceOf({ requests }));
    expect(figures).toMatchObject({ rtoMs: 810, rtoLabMs: 810, objectivesMet: true });
  });

  test('what passes after the flip is scaled', () => {
    const requests = [
      ...stream([0, 15_000, 50], (at) => requestOf(at)),
      ...stream([15_000, 40_000, 50], (at) => requestOf(at, west)),
    ];
    // 15010, if the only answer of the old region that ends in the window is below 1 %: it is.
    // 2000 ms to the flip, then 3010 ms x 60.
    const figures = measure(evidenceOf({ requests }));
    expect(figures).toMatchObject({ rtoLabMs: 5_010, rtoMs: 2_000 + 3_010 * 60 });
    expect(figures.objectives[0]).toEqual({
      name: 'rto',
      valueMs: 182_600,
      boundMs: 300_000,
      met: true,
    });
  });

  test('1.5 % of stragglers that the old region answers are no recovery; 0.5 % are', () => {
    const some = (every: number) =>
      stream([12_000, 40_000, 10], (at, i) =>
        i % every === 5 ? requestOf(at) : requestOf(at, west),
      );
    expect(measure(evidenceOf({ requests: some(66) })).rtoMs).toBeNull();
    expect(measure(evidenceOf({ requests: some(200) })).rtoLabMs).toBe(2_010);
  });

  test('without recovery the time that is ruled out is known', () => {
    const requests = stream([0, 40_001, 50], (at) => requestOf(at));
    // Sent until 40000: a window that begins by 35000 is ruled out. 2000 + 23000 x 60.
    expect(recoveryOf(evidenceOf({ requests }))).toEqual({
      labMs: null,
      lifeMs: null,
      atLeastLifeMs: 2_000 + 23_000 * 60,
    });
  });

  test('a window that was not watched to its end, or with too few requests, shows no recovery', () => {
    const short = stream([12_000, 17_000, 50], (at) => requestOf(at, west));
    expect(measure(evidenceOf({ requests: short })).rtoMs).toBeNull();
    const thin = stream([12_000, 40_000, 300], (at) => requestOf(at, west));
    expect(measure(evidenceOf({ requests: thin })).rtoMs).toBeNull();
  });

  test('requests that hang in the window and fail after it stand against it', () => {
    const requests = stream([12_000, 40_000, 50], (at, i) =>
      i % 10 === 0 && at < 20_000
        ? requestOf(at, { ...west, ...failing, endMs: at + 5_000 })
        : requestOf(at, west),
    );
    // The last request that hangs is sent at 19500 and fails at 24500. A window holds about 100
    // requests, so it may contain one of them but not two: the one sent at 19000 ends at 24000, so
    // the first window begins with the next answer, 24010.
    expect(measure(evidenceOf({ requests })).rtoLabMs).toBe(14_010);
  });

  test('stale reads and lost writes are no correct answers', () => {
    const stale = { status: 404, ok: false, stale: true };
    const requests = [
      ...stream([12_000, 20_000, 50], (at) => requestOf(at, { ...west, ...stale })),
      ...stream([20_000, 30_000, 50], (at, i) => writeOf(`lost-${i}`, at, west)),
      ...stream([30_000, 40_000, 50], (at) => requestOf(at, west)),
    ];
    expect(measure(evidenceOf({ requests })).rtoLabMs).toBe(20_010);
  });
});

describe('rpoMs', () => {
  test('is the span of the lost writes, scaled after the flip', () => {
    const requests = [
      writeOf('a', 11_000),
      writeOf('b', 13_990),
      writeOf('kept', 16_000, { region: 'west' }),
    ];
    const figures = measure(evidenceOf({ requests, survivors: survivorsOf(['kept']) }));
    // 11000 to 14000: 1000 before the flip, 2000 x 60 after it.
    expect(figures.rpoMs).toBe(1_000 + 2_000 * 60);
    expect(figures.objectives[1]).toMatchObject({ name: 'rpo', met: false });
  });

  test('is never 0 when a write was lost', () => {
    const requests = [writeOf('a', 11_000, { endMs: 11_000 })];
    const figures = measure(evidenceOf({ requests }));
    expect(figures).toMatchObject({ writesLost: 1, rpoMs: 1 });
    expect(figures.objectives[1]?.met).toBe(false);
  });
});

describe('life time', () => {
  const at = (given: Partial<RunEvidence>, a: number, b: number) =>
    lifeBetween(evidenceOf(given), a, b);

  test('machine time until the flip, but for steps that wait; scaled from it on', () => {
    const steps = [
      stepOf('own-wait', [10_500, 11_000], { kind: 'scaled' }),
      stepOf('keep-warm', [11_500, 14_000], { kind: 'scaled' }),
    ];
    // 500 machine, 500 scaled, 500 machine, then scaled from 11500 on without a break: 2500.
    expect(at({ steps }, 10_000, 14_000)).toBe(1_000 + 3_000 * 60);
    expect(at({}, 10_000, 14_000)).toBe(2_000 + 2_000 * 60);
    expect(at({ timeScale: 1 }, 10_000, 14_000)).toBe(4_000);
    expect(at({ flippedMs: null }, 10_000, 14_000)).toBe(4_000);
    expect(at({}, 14_000, 10_000)).toBe(0);
  });
});

test.each([1, 2, 3, 4, 5])('the order of the records changes no figure (seed %i)', (seed) => {
  const evidence = sampleEvidence(seed % 2 === 0 ? 'switchover' : 'flip-only', seed);
  const random = seededRandom(seed);
  const shuffled = <T>(items: readonly T[]): T[] => {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  };
  const figures = measure(evidence);
  expect(figures.requests).toBeGreaterThan(1_000);
  const mixed = {
    ...evidence,
    requests: shuffled(evidence.requests),
    webhooks: shuffled(evidence.webhooks),
    lag: shuffled(evidence.lag),
    survivors: { ...evidence.survivors, events: shuffled(evidence.survivors.events) },
  };
  expect(measure(mixed)).toEqual(figures);
});
