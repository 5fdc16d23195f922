import { expect } from 'vitest';
import { type Cannot, contract, type Subject } from '../kernel/contract.fixture.ts';
import { maxRecordBody, maxRecordsACall, type RecordLog } from './record-log.ts';
import { type EvidenceLog, type EvidenceSample, maxSamplesACall } from './samples.ts';

const badRequest = { code: 'bad-request', disposition: 'stop' };
const away = { code: 'store-away', disposition: 'retry' };

/** The log of the service `checkout` without a record. */
export interface RecordLogUnderTest extends Subject {
  /** After `restart` this is another object. */
  readonly log: RecordLog;
  /** The log of another service in the same place. */
  other(service: string): RecordLog;
  /** Ends the process that keeps the log, and starts another one with its files. */
  restart(): Promise<void>;
  /** Makes it unreachable. */
  lose(): Promise<void>;
}

const recordChecks = {
  'a record comes back as it was given, numbered over all kinds': async ({
    log,
  }: RecordLogUnderTest) => {
    const body = { event: 'created', list: [1, { a: null }], text: 'ü' };
    const one = await log.append('change', 'ana', body);
    const other = await log.append('task', 'bo', { event: 'by-word' });
    const two = await log.append('change', 'ana', { event: 'shipped' });
    expect([one.seq, other.seq, two.seq]).toEqual([1, 2, 3]);
    expect(one).toMatchObject({ service: 'checkout', kind: 'change', by: 'ana', body });
    expect(two.atWallMs).toBeGreaterThanOrEqual(one.atWallMs);
  },

  'a list has the records of one kind, oldest first, after the given number': async ({
    log,
  }: RecordLogUnderTest) => {
    const one = await log.append('change', 'ana', { event: 'created' });
    await log.append('task', 'bo', { event: 'by-word' });
    const two = await log.append('change', 'ana', { event: 'shipped' });
    expect(await log.list('change')).toEqual([one, two]);
    expect(await log.list('change', { sinceSeq: one.seq })).toEqual([two]);
    expect(await log.list('change', { sinceSeq: two.seq })).toEqual([]);
    expect(await log.list('baseline')).toEqual([]);
  },

  'a list is whole, however many records there are': async ({ log }: RecordLogUnderTest) => {
    const count = maxRecordsACall + 3;
    for (let i = 0; i < count; i++) await log.append('task', 'ana', { i });
    const found = await log.list('task');
    expect(found.map(({ body }) => body['i'])).toEqual(Array.from({ length: count }, (_, i) => i));
  },

  'of records that are appended at once each has its own number': async ({
    log,
  }: RecordLogUnderTest) => {
    const added = await Promise.all([1, 2, 3, 4].map((i) => log.append('task', 'ana', { i })));
    expect(added.map(({ seq }) => seq).sort()).toEqual([1, 2, 3, 4]);
    expect(await log.list('task')).toHaveLength(4);
  },

  'what is no record is refused, and nothing is kept': async ({ log }: RecordLogUnderTest) => {
    const big = 'x'.repeat(maxRecordBody);
    await expect(log.append('change', '', {})).rejects.toMatchObject(badRequest);
    await expect(log.append('change', 'x'.repeat(201), {})).rejects.toMatchObject(badRequest);
    await expect(log.append('change', 'ana', { big })).rejects.toMatchObject(badRequest);
    expect(await log.list('change')).toEqual([]);
  },

  'a record does not change when its caller changes what was given or answered': async ({
    log,
  }: RecordLogUnderTest) => {
    const body = { event: 'created', list: [1] };
    const answered = await log.append('change', 'ana', body);
    body.list.push(2);
    Object.assign(answered.body, { event: 'changed' });
    for (const listed of await log.list('change')) Object.assign(listed.body, { event: 'gone' });
    const found = await log.list('change');
    expect(found.map((record) => record.body)).toEqual([{ event: 'created', list: [1] }]);
  },

  'each service has its own records and numbers': async (subject: RecordLogUnderTest) => {
    await subject.log.append('change', 'ana', {});
    const search = subject.other('search');
    expect(await search.list('change')).toEqual([]);
    expect(await search.append('change', 'bo', {})).toMatchObject({ seq: 1, service: 'search' });
  },

  'records outlive the process that keeps them': async (subject: RecordLogUnderTest) => {
    const one = await subject.log.append('change', 'ana', { event: 'created' });
    await subject.restart();
    expect(await subject.log.list('change')).toEqual([one]);
    expect((await subject.log.append('change', 'ana', {})).seq).toBe(2);
  },

  'a log that is gone is away, for reading and for appending': async (
    subject: RecordLogUnderTest,
  ) => {
    await subject.lose();
    await expect(subject.log.list('change')).rejects.toMatchObject(away);
    await expect(subject.log.append('change', 'ana', {})).rejects.toMatchObject(away);
  },
};

/** The contract of a log of records as tests; each implementation's test runs them. */
export function recordLogConformance(
  name: string,
  open: () => Promise<RecordLogUnderTest>,
  cannot: Cannot<typeof recordChecks> = {},
): void {
  const title = `${name} keeps the contract of a log of records`;
  contract({ title, open, checks: recordChecks, cannot });
}

/** The samples of the service `checkout`; there are none. */
export interface EvidenceLogUnderTest extends Subject {
  /** After `restart` this is another object. */
  readonly log: EvidenceLog;
  /** The log of another service in the same place. */
  other(service: string): EvidenceLog;
  /** A time from which samples are not yet forgotten, ms. */
  readonly nowWallMs: number;
  /** Ends the process that keeps the log, and starts another one with its files. */
  restart(): Promise<void>;
  /** Makes it unreachable. */
  lose(): Promise<void>;
}

export const beacon = (toWallMs: number, count = 1): EvidenceSample<'beacon'> => ({
  fromWallMs: toWallMs - 60_000,
  toWallMs,
  network: '192.0.2.0/24',
  resolver: '198.51.100.7',
  count,
});

const evidenceChecks = {
  'samples are listed by kind, newest first, in whatever order they were added': async ({
    log,
    nowWallMs: now,
  }: EvidenceLogUnderTest) => {
    const [old, middle, young] = [beacon(now - 3), beacon(now - 2), beacon(now - 1)];
    await log.add('beacon', [middle, old]);
    await log.add('beacon', [young]);
    expect(await log.list('beacon')).toEqual([young, middle, old]);
    expect(await log.list('straggler-curve')).toEqual([]);
  },

  'a sample that is added twice counts twice, and adding none adds none': async ({
    log,
    nowWallMs,
  }: EvidenceLogUnderTest) => {
    const one = beacon(nowWallMs);
    await log.add('beacon', []);
    await log.add('beacon', [one]);
    await log.add('beacon', [one]);
    expect(await log.list('beacon')).toEqual([one, one]);
  },

  'a list begins at its beginning, ends before its end, and skips and limits the newest': async ({
    log,
    nowWallMs: now,
  }: EvidenceLogUnderTest) => {
    const all = [1, 2, 3, 4].map((ago) => beacon(now - ago, ago));
    await log.add('beacon', all);
    const counts = async (query: Parameters<EvidenceLog['list']>[1]) =>
      (await log.list('beacon', query)).map(({ count }) => count);
    expect(await counts({ sinceWallMs: now - 3 })).toEqual([1, 2, 3]);
    expect(await counts({ untilWallMs: now - 2 })).toEqual([3, 4]);
    expect(await counts({ skip: 1, limit: 2 })).toEqual([2, 3]);
    expect(await counts({ sinceWallMs: now - 3, untilWallMs: now - 1, limit: 1 })).toEqual([2]);
  },

  'any number of samples is added at once, and one list has at most a thousand': async ({
    log,
    nowWallMs: now,
  }: EvidenceLogUnderTest) => {
    const count = 2 * maxSamplesACall + 3;
    await log.add(
      'beacon',
      Array.from({ length: count }, (_, i) => beacon(now - i, i)),
    );
    const found: number[] = [];
    for (let skip = 0; ; skip += maxSamplesACall) {
      const page = await log.list('beacon', { skip, limit: 5 * maxSamplesACall });
      expect(page.length).toBeLessThanOrEqual(maxSamplesACall);
      found.push(...page.map((sample) => sample.count));
      if (page.length < maxSamplesACall) break;
    }
    expect(found).toEqual(Array.from({ length: count }, (_, i) => i));
  },

  'one wrong sample refuses all of a call': async ({ log, nowWallMs }: EvidenceLogUnderTest) => {
    const wrong = { ...beacon(nowWallMs), count: -1 };
    await expect(log.add('beacon', [beacon(nowWallMs), wrong])).rejects.toMatchObject(badRequest);
    expect(await log.list('beacon')).toEqual([]);
  },

  'each service has its own samples': async (subject: EvidenceLogUnderTest) => {
    await subject.log.add('beacon', [beacon(subject.nowWallMs)]);
    expect(await subject.other('search').list('beacon')).toEqual([]);
  },

  'samples outlive the process that keeps them': async (subject: EvidenceLogUnderTest) => {
    const one = beacon(subject.nowWallMs);
    await subject.log.add('beacon', [one]);
    await subject.restart();
    expect(await subject.log.list('beacon')).toEqual([one]);
  },

  'a log that is gone is away, for reading and for adding': async (
    subject: EvidenceLogUnderTest,
  ) => {
    await subject.lose();
    await expect(subject.log.list('beacon')).rejects.toMatchObject(away);
    const added = subject.log.add('beacon', [beacon(subject.nowWallMs)]);
    await expect(added).rejects.toMatchObject(away);
  },
};

/** The contract of a log of samples as tests; each implementation's test runs them. */
export function evidenceLogConformance(
  name: string,
  open: () => Promise<EvidenceLogUnderTest>,
  cannot: Cannot<typeof evidenceChecks> = {},
): void {
  const title = `${name} keeps the contract of a log of samples`;
  contract({ title, open, checks: evidenceChecks, cannot });
}
