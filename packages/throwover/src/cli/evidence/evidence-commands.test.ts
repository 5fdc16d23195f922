import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import type { EvidenceSample } from '../../records/samples.ts';
import { type RunningServer, startServe } from '../../server/serve.ts';
import { wholeFile } from '../../service/service.fixture.ts';
import { openSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { run, runJson } from '../terminal.fixture.ts';

/** The commands as a person types them, against a real `throwover serve`. */

const dayMs = 86_400_000;
let directory = '';
let server: RunningServer;
let config = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throwover-evidence-commands-'));
  server = await startServe({
    openStore: openSqliteStore,
    host: '127.0.0.1',
    port: 0,
    dataDir: directory,
    clock: systemClock,
  });
  config = join(directory, 'throwover.yaml');
  const file = wholeFile
    .replace(/^steps:[\s\S]*$/m, '')
    .replace('http://127.0.3.1:7610', server.url);
  const evidence = 'evidence: { panels: { old: { metric: old-connections } } }\n';
  await writeFile(config, `${file}${evidence}`);
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const ana = (...argv: readonly string[]) => run(...argv, '--as', 'ana', '--config', config);

const connections = (atWallMs: number, share: number): EvidenceSample<'connections'> => ({
  atWallMs,
  region: 'east',
  open: 10,
  agesMs: [],
  requestsOnOldShare: share,
  requests: 100,
});

const created = [
  ...['change', 'new', 'short-lived', '--hypothesis', 'Shorter connections leave sooner'],
  ...['--metric', 'old-connections', '--baseline', 'before', '--expect', '-20%'],
] as const;

test('a change from its baseline to its shipping, typed', async () => {
  // More than one page of samples.
  const now = systemClock.wallMs();
  const samples = Array.from({ length: 1_500 }, (_, i) =>
    connections(now - (i * 21 * dayMs) / 1_500, 0.3 + 0.0001 * (i % 50)),
  );
  server.evidence.add('checkout', 'connections', samples, now);

  expect((await ana(...created, '--trade-off', 'latency=3 ms')).stderr).toContain(
    'no-such-baseline',
  );
  const capture = ['baseline', 'capture', 'before', '--metric', 'old-connections'];
  const captured = await ana(...capture, '--weeks', '2');
  expect(captured.code).toBe(0);
  expect(captured.stdout).toContain('before: old-connections, 2 weeks from ');
  expect(captured.stdout).toMatch(/n=1000 on 14 of 14 days/);
  expect((await ana(...capture)).stderr).toContain('baseline-exists');

  // Two weeks are too short for a verdict.
  const short = await ana(...created, '--trade-off', 'latency=3 ms');
  expect({ code: short.code, stdout: short.stdout }).toEqual({ code: 3, stdout: '' });
  expect(short.stderr).toContain('1000 samples in 2 weeks; a verdict needs 20 in 3');
  await ana('baseline', 'capture', 'longer', '--metric', 'old-connections', '--weeks', '3');
  const whole = created.map((word) => (word === 'before' ? 'longer' : word));
  expect((await ana(...whole)).stderr).toContain('trade-off-missing');
  const draft = await ana(...whole, '--trade-off', 'latency=3 ms: a lookup');
  expect({ code: draft.code, stderr: draft.stderr }).toEqual({ code: 0, stderr: '' });

  expect((await ana('change', 'ship', 'short-lived')).stderr).toContain('change-not-ready');
  const filled = ['--panel', 'old', '--step', 'flip', '--task', 'Look'];
  expect((await ana('change', 'amend', 'short-lived', ...filled)).code).toBe(0);
  const shipped = await ana('change', 'ship', 'short-lived');
  expect(shipped.stdout).toContain('short-lived: shipped, review opens ');
  for (const line of shipped.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);

  const review = await run('change', 'review', 'short-lived', '--config', config);
  expect(review.stdout).toContain('unknown: 0 samples after, 20 are needed');
  const early = ['change', 'review', 'short-lived', '--verdict', 'kept', '--cost', 'latency=2 ms'];
  expect((await ana(...early)).stderr).toContain('review-not-due');

  expect((await ana('week', 'done', 'change short-lived')).stdout).toContain('ana@example.com');
  const { code, json } = await runJson('audit', '--config', config);
  expect(code).toBe(1);
  const lines = json.lines.filter(
    ({ subject }: { subject: string }) => subject === 'change short-lived',
  );
  expect(lines.map(({ rule, ok }: { rule: string; ok: boolean }) => [rule, ok])).toEqual([
    ['panel', true],
    ['step', false],
    ['owner', true],
    ['task', true],
  ]);
}, 30_000);

test('what there is, and what is not', async () => {
  const metrics = await run('baseline', 'metrics', '--config', config);
  expect(metrics.stdout).toContain('writer-gap');
  for (const line of metrics.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  const nothing = await ana('baseline', 'capture', 'x', '--metric', 'joy');
  expect(nothing.code).toBe(2);
  expect(nothing.stderr).toContain('no-such-metric');
  expect((await ana('baseline', 'capture', 'x', '--metric', 'writer-gap')).stderr).toContain(
    'baseline-empty',
  );
  const eve = await run(
    'change',
    'retire',
    'x',
    '--reason',
    'r',
    '--as',
    'eve',
    '--config',
    config,
  );
  expect(eve.stderr).toContain('owner-not-on-call');
  expect((await ana('change', 'ship', 'none')).stderr).toContain('no-such-change');
});

test('a week is posted to a signed webhook, in which Slack and the like find their text', async () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  await writeFile(join(directory, 'hook'), secret);
  const got: { headers: IncomingHttpHeaders; body: string }[] = [];
  const receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(got.length === 1 ? 204 : 500).end();
  });
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const hooks = [{ url, secret: 'file:hook', events: ['week'] }];
  const told = join(directory, 'told.yaml');
  const notify = `notify: ${JSON.stringify({ webhooks: hooks })}\n`;
  await writeFile(told, `${await readFile(config, 'utf8')}${notify}`);
  try {
    expect(await run('week', '--send', '--config', told)).toMatchObject({
      code: 0,
      stdout: 'Told: 1 of 1.\n',
    });
    const [{ headers, body } = { headers: {}, body: '' }] = got;
    const posted = new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(posted).toMatchObject({
      type: 'throwover.week',
      text: expect.stringMatching(/^The week of checkout[\s\S]*nobody is named/),
      data: { service: 'checkout', kind: 'week' },
    });
    // A recipient that refuses the notice is reported, and the exit code is 1.
    const refused = await run('week', '--send', '--config', told);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('answered 500');
  } finally {
    receiver.close();
  }
});

test('a week as iCalendar, to a file; sent nowhere it says so', async () => {
  const out = join(directory, 'week.ics');
  const asked = ['week', '--format', 'ical', '--out', out, '--config', config] as const;
  expect(await run(...asked)).toMatchObject({ code: 0, stdout: `${out}\n` });
  expect(await readFile(out, 'utf8')).toMatch(/^BEGIN:VCALENDAR\r\n[\s\S]*END:VCALENDAR\r\n$/);
  const nowhere = await run('week', '--send', '--config', config);
  expect(nowhere.code).toBe(2);
  expect(nowhere.stderr).toContain('week-sent-nowhere');
  const one = await run('week', 'ana', '--send', '--config', config);
  expect(one.code).toBe(2);
  expect(one.stderr).toContain("--send sends everybody's week");
});
