import { createServer } from 'node:http';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { listenAt, urlOf } from '../../kernel/kernel.ts';
import { missingTools, typed } from '../../runbook/by-hand/typed.fixture.ts';
import { doorHands, gatewayHands, httpDnsHands } from './by-hand.ts';
import { first, name, startApi } from './dns-http.fixture.ts';
import { httpDns } from './dns-http.ts';

const missing = missingTools('curl').length > 0;
const title = (text: string) => (missing ? `${text} (skipped: no curl)` : text);

const token = 'a-token';
let api: Awaited<ReturnType<typeof startApi>>;
afterEach(() => api?.stop());

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

test.skipIf(missing)(
  title('doors and gateways get what the plan says, whatever a shell would read in it'),
  async () => {
    const sent: unknown[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => {
        text += chunk;
      });
      request.on('end', () => {
        if (text !== '') sent.push(JSON.parse(text));
        response.end('{"token":7}');
      });
    });
    const admin = urlOf(await listenAt(server, { host: '127.0.0.1', port: 0 }));
    onTestFinished(() => void server.close());
    const to = { region: 'west', url: `http://127.0.0.1/a'b"c$HOME\`id\`$(id)` };
    const { deliver, redeliver } = gatewayHands({ region: 'east', admin, identity: null });
    const { forward } = doorHands({ region: 'east', admin, identity: null });
    for (const work of [forward(2, to), deliver(2, to), redeliver(2, 600)]) {
      expect(await typed(work, {})).toMatchObject({ exitCode: 0 });
    }
    const window = { key: 'by-hand-2', epoch: 2, fromWallMs: expect.any(Number), beyond: null };
    expect(sent).toEqual([
      { region: 'east', mode: { mode: 'forward', epoch: 2, ...to }, token: 0 },
      { mode: { mode: 'deliver', epoch: 2, ...to }, token: 7 },
      { window, token: 7 },
    ]);
  },
);
