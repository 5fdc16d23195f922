import { afterEach, expect, test } from 'vitest';
import { missingTools, typed } from '../../runbook/by-hand/typed.fixture.ts';
import { httpDnsHands } from './by-hand.ts';
import { first, name, startApi } from './dns-http.fixture.ts';
import { httpDns } from './dns-http.ts';

const missing = missingTools('curl').length > 0;
const title = (text: string) => (missing ? `${text} (skipped: no curl)` : text);

const token = 'a-token';
let api: Awaited<ReturnType<typeof startApi>>;
afterEach(() => api.stop());

const hands = () =>
  httpDnsHands({ url: api.url, name, type: 'A', ttlSeconds: 60, token: 'env:DNS_TOKEN' });
const read = () => httpDns({ url: api.url, name, type: 'A', token: async () => token }).read();
const generation = { region: 'east', number: 4, epoch: 1 };

test.skipIf(missing)(
  title(
    'the record is changed under its tag, and is then read as our own; the token stands nowhere',
  ),
  async () => {
    api = await startApi({ token, record: { ...first, generation } });
    const right = hands().wasWrittenFor(1, 'east');
    const old = hands().wasWrittenFor(11, 'east');
    if (right === null || old === null) throw new Error('no box');
    expect(await typed(right, { input: token })).toMatchObject({ exitCode: 0 });
    expect((await typed(old, { input: token })).exitCode).not.toBe(0);

    const [work] = hands().point({ region: 'west', epoch: 2, values: ['127.0.2.1'] });
    if (work === undefined) throw new Error('no box');
    expect(await typed(work, { input: token })).toMatchObject({ exitCode: 0 });
    expect(await read()).toMatchObject({
      values: ['127.0.2.1'],
      generation: { number: 5, epoch: 2, region: 'west' },
    });
  },
);

test.skipIf(missing)(
  title(
    'a wrong token, and a record that somebody has changed meanwhile, change nothing and are seen',
  ),
  async () => {
    api = await startApi({ token, record: { ...first, generation } });
    const [work] = hands().point({ region: 'west', epoch: 2, values: ['127.0.2.1'] });
    if (work === undefined) throw new Error('no box');
    expect((await typed(work, { input: 'another' })).exitCode).not.toBe(0);
    const late = { ...work, lines: work.lines.map((line) => line.replace(/^TAG=.*/, `TAG='"0"'`)) };
    expect((await typed(late, { input: token })).exitCode).not.toBe(0);
    expect(await read()).toMatchObject({ values: ['127.0.1.1'] });
  },
);
