import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { httpRecords } from '../providers/http/records.ts';
import { maxRecordsACall, memoryRecordLog, type RecordLog } from '../records/record-log.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { type RunningServer, startServe } from './serve.ts';

let dataDir: string;
let server: RunningServer;
const start = () =>
  startServe({
    openStore: openSqliteStore,
    host: '127.0.0.1',
    port: 0,
    dataDir,
    clock: systemClock,
  });
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'throwover-records-'));
  server = await start();
});
afterEach(async () => {
  await server.close();
  await rm(dataDir, { recursive: true });
});
const served = (service = 'checkout') =>
  httpRecords({ url: server.url, service, clock: systemClock });

describe.each([
  ['over HTTP, in SQLite', () => served()],
  ['in memory', () => memoryRecordLog('checkout', systemClock)],
] as [string, () => RecordLog][])('the log %s', (_, make) => {
  test('keeps records in order, by kind, and gives what came after', async () => {
    const log = make();
    const one = await log.append('change', 'ana', { event: 'created', list: [1, { a: null }] });
    await log.append('task', 'bo', { event: 'by-word' });
    const two = await log.append('change', 'ana', { event: 'shipped' });
    expect([one.seq, two.seq]).toEqual([1, 3]);
    expect(one).toMatchObject({ service: 'checkout', kind: 'change', by: 'ana' });
    expect(await log.list('change')).toEqual([one, two]);
    expect(await log.list('change', { sinceSeq: 1 })).toEqual([two]);
    expect(await log.list('baseline')).toEqual([]);
  });

  test('takes only what is a record', async () => {
    const log = make();
    await expect(log.append('change', '', {})).rejects.toThrow();
    await expect(log.append('change', 'ana', { big: 'x'.repeat(600_000) })).rejects.toThrow();
    expect(await log.list('change')).toEqual([]);
  });
});

test('records outlive a restart, and each service has its own', async () => {
  const kept = await served().append('change', 'ana', { event: 'raised' });
  await served('other').append('change', 'bo', { event: 'raised' });
  await server.close();
  server = await start();
  expect(await served().list('change')).toEqual([kept]);
  expect((await served().append('change', 'ana', {})).seq).toBe(2);
});

test('more records than one answer takes are all given', async () => {
  for (let i = 0; i < maxRecordsACall + 3; i++) {
    server.records.append('checkout', 'task', { by: 'ana', body: { i } }, i);
  }
  const moves = await served().list('task');
  expect(moves.map(({ body }) => body['i'])).toEqual(
    Array.from({ length: maxRecordsACall + 3 }, (_, i) => i),
  );
}, 30_000);

test('a kind that is not kept is refused, and a server that is away is store-away', async () => {
  const answer = await fetch(`${server.url}/v1/records/checkout/gossip`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code: 'bad-request' });
  await expect(
    httpRecords({ url: 'http://127.0.0.1:1', service: 'checkout', clock: systemClock }).list(
      'task',
    ),
  ).rejects.toMatchObject({ code: 'store-away' });
});
