import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { type RunningServer, startServe } from './serve.ts';

let dataDir: string;
let server: RunningServer;
const start = (port = 0, dir = dataDir) =>
  startServe({
    openStore: openSqliteStore,
    host: '127.0.0.1',
    port,
    dataDir: dir,
    clock: systemClock,
  });
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'throwover-serve-'));
  server = await start();
});
afterEach(async () => {
  await server.close();
  await rm(dataDir, { recursive: true });
});

const post = (path: string, body: string, contentType = 'application/json') =>
  fetch(`${server.url}${path}`, { method: 'POST', body, headers: { 'content-type': contentType } });

test('is healthy when it runs', async () => {
  const answer = await fetch(`${server.url}/healthz`);
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'healthy' }]);
});

test('a taken port is a clear error, and the other directory is free again', async () => {
  const other = await mkdtemp(join(tmpdir(), 'throwover-serve-'));
  const port = Number(new URL(server.url).port);
  await expect(start(port, other)).rejects.toMatchObject({ code: 'port-taken' });
  const again = await start(0, other);
  await again.close();
  await rm(other, { recursive: true });
});

test('an address of another machine, or a directory in use, is a clear error', async () => {
  const { host, port } = { host: '192.0.2.1', port: 0 };
  const other = join(dataDir, 'other');
  await expect(
    startServe({ openStore: openSqliteStore, host, port, dataDir: other, clock: systemClock }),
  ).rejects.toMatchObject({
    code: 'listen-failed',
  });
  await expect(start()).rejects.toMatchObject({ code: 'store-in-use' });
});

const record = JSON.stringify({
  runId: 'run_1',
  token: 1,
  records: [{ seq: 1, wallMs: 0, token: 1, type: 'taken-over', by: 'bob', surprise: true }],
});

test.each([
  ['no JSON', '/v1/store/service', '{', 'application/json', 400, 'bad-request'],
  ['not said to be JSON', '/v1/store/service', '"checkout"', 'text/plain', 400, 'bad-request'],
  ['another shape', '/v1/store/runs', '{"limit":0}', 'application/json', 400, 'bad-request'],
  [
    'an unknown field in a record',
    '/v1/store/append',
    record,
    'application/json',
    400,
    'bad-request',
  ],
  ['an unknown call', '/v1/store/dropRun', '{}', 'application/json', 404, 'bad-request'],
  [
    'an unknown service',
    '/v1/store/service',
    '"nothing"',
    'application/json',
    409,
    'no-such-service',
  ],
  [
    'too large',
    '/v1/store/beginRun',
    `"${'x'.repeat(3 << 20)}"`,
    'application/json',
    413,
    'record-too-large',
  ],
])('%s is refused with code and remedy', async (_what, path, body, contentType, status, code) => {
  const answer = await post(path, body, contentType);
  expect([answer.status, await answer.json()]).toMatchObject([
    status,
    { code, remedy: expect.stringMatching(/\w/) },
  ]);
});
