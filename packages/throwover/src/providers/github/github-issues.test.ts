import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listenAt } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { FakeGitHub } from './github.fixture.ts';
import { githubIssues } from './github-issues.ts';

let github: FakeGitHub;
let api: string;
beforeEach(async () => {
  github = new FakeGitHub('secret-token');
  api = await github.listen();
});
afterEach(() => github.close());

const clock = createVirtualClock(Date.UTC(2026, 0, 5));
const tracker = (more: Partial<Parameters<typeof githubIssues>[0]> = {}) =>
  githubIssues({
    repository: 'acme/checkout',
    token: async () => 'secret-token',
    label: 'throwover-week',
    api,
    clock,
    ...more,
  });

test('lists what has the label, page by page, open and closed, without pull requests', async () => {
  github.largestPage = 2;
  const labels = [{ name: 'throwover-week' }];
  github.byHand({ title: 'one', labels, body: 'x', assignees: [{ login: 'ana-gh' }] });
  github.byHand({ title: 'not ours' });
  github.byHand({ title: 'two', labels, state: 'closed' });
  github.byHand({ title: 'a pull request', labels, pull_request: {} });
  github.byHand({ title: 'three', labels });
  github.byHand({ title: 'four', labels });
  expect(await tracker().list()).toEqual([
    { number: 1, title: 'one', body: 'x', state: 'open', assignees: ['ana-gh'] },
    { number: 3, title: 'two', body: '', state: 'closed', assignees: [] },
    { number: 5, title: 'three', body: '', state: 'open', assignees: [] },
    { number: 6, title: 'four', body: '', state: 'open', assignees: [] },
  ]);
  expect(github.calls).toHaveLength(3);
  expect(github.calls[0]).toContain('labels=throwover-week');
});

test('makes one, changes it, closes it', async () => {
  const { create, update } = tracker();
  const text = { title: 'Settle F7', body: 'why', assignees: ['ana-gh'] };
  const number = await create(text);
  await update(number, { ...text, title: 'Settle F7 now', state: 'open' });
  expect(github.issues[0]).toMatchObject({
    number,
    title: 'Settle F7 now',
    state: 'open',
    labels: [{ name: 'throwover-week' }],
    assignees: [{ login: 'ana-gh' }],
  });
  await update(number, { ...text, assignees: [], state: 'closed' });
  expect(github.issues[0]).toMatchObject({
    state: 'closed',
    state_reason: 'completed',
    assignees: [],
  });
});

describe('what fails has a code', () => {
  const after = async (status: number, headers: Record<string, string> = {}, message = 'no') => {
    github.failures = [{ status, headers, body: JSON.stringify({ message }) }];
    return tracker().list();
  };

  test('401: the token', async () => {
    const { list } = tracker({ token: async () => 'another' });
    await expect(list()).rejects.toMatchObject({
      code: 'tracker-refused',
      message: expect.stringContaining('acme/checkout: its issues: answered 401: Bad credentials'),
    });
  });

  test('404: the repository, or the right to see it', async () => {
    const { list } = tracker({ repository: 'acme/nothing' });
    await expect(list()).rejects.toMatchObject({ code: 'tracker-refused' });
  });

  test('403 and 429: a limit with its end; 403 without one is a refusal', async () => {
    const limit = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1767574800' };
    await expect(after(403, limit)).rejects.toMatchObject({
      code: 'tracker-limited',
      message: expect.stringContaining('again at 2026-01-05T01:00:00'),
    });
    await expect(after(403, { 'retry-after': '60' })).rejects.toMatchObject({
      code: 'tracker-limited',
      message: expect.stringContaining('again at 2026-01-05T00:01:00'),
    });
    await expect(after(429)).rejects.toMatchObject({ code: 'tracker-limited' });
    await expect(after(403, { 'x-ratelimit-remaining': '10' })).rejects.toMatchObject({
      code: 'tracker-refused',
    });
  });

  test('500, 503, and nobody there: away, and not repeated', async () => {
    await expect(after(500)).rejects.toMatchObject({ code: 'tracker-away' });
    await expect(after(503)).rejects.toMatchObject({ code: 'tracker-away' });
    expect(github.calls).toHaveLength(2);
    github.close();
    await expect(tracker().list()).rejects.toMatchObject({ code: 'tracker-away' });
  });

  test('no answer within 10 s of the clock: away', async () => {
    const asked = Promise.withResolvers<void>();
    const silent = createServer(() => asked.resolve());
    const { port } = await listenAt(silent, { host: '127.0.0.1', port: 0 });
    const failed = expect(
      tracker({ api: `http://127.0.0.1:${port}` }).list(),
    ).rejects.toMatchObject({
      code: 'tracker-away',
      message: expect.stringContaining('no answer within 10000 ms'),
    });
    await asked.promise;
    await clock.advance(10_000);
    await failed;
    silent.closeAllConnections();
    silent.close();
  });

  test('an answer that is no list of issues', async () => {
    github.failures = [{ status: 200, body: '{"items":[]}' }];
    await expect(tracker().list()).rejects.toMatchObject({ code: 'tracker-refused' });
  });
});
