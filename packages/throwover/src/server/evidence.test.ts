import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { httpEvidence } from '../providers/http/evidence.ts';
import type { EvidenceSample } from '../records/samples.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { evidenceKeptMs, openEvidenceLog } from './evidence-log.ts';
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
  dataDir = await mkdtemp(join(tmpdir(), 'throwover-evidence-'));
  server = await start();
});
afterEach(async () => {
  await server.close();
  await rm(dataDir, { recursive: true });
});

const beacon = (toWallMs: number, count = 1): EvidenceSample<'beacon'> => ({
  fromWallMs: toWallMs - 60_000,
  toWallMs,
  network: '192.0.2.0/24',
  resolver: '198.51.100.7',
  count,
});
const nowMs = () => systemClock.wallMs();

test('samples are kept by service and kind, newest first, over a restart', async () => {
  const evidence = httpEvidence({ url: server.url, service: 'checkout', clock: systemClock });
  const old = beacon(nowMs() - 9_000, 1);
  const young = beacon(nowMs() - 1_000, 2);
  await evidence.add('beacon', [young, old]);
  await httpEvidence({ url: server.url, service: 'other', clock: systemClock }).add('beacon', [
    beacon(nowMs(), 3),
  ]);
  await server.close();
  server = await start();
  const again = httpEvidence({ url: server.url, service: 'checkout', clock: systemClock });
  expect(await again.list('beacon')).toEqual([young, old]);
  expect(await again.list('beacon', { sinceWallMs: young.toWallMs })).toEqual([young]);
  expect(await again.list('beacon', { limit: 1 })).toEqual([young]);
  expect(await again.list('straggler-curve')).toEqual([]);
});

test('more samples than one call takes are sent in several', async () => {
  const evidence = httpEvidence({ url: server.url, service: 'checkout', clock: systemClock });
  const base = nowMs();
  const many = Array.from({ length: 2_300 }, (_, i) => beacon(base - i, i));
  await evidence.add('beacon', many);
  expect(server.evidence.list('checkout', 'beacon', { limit: 5_000 })).toHaveLength(2_300);
});

test.each([
  ['a kind that is not kept', 'gossip', '[]', 'application/json', 'no POST', 404],
  ['what is no sample', 'beacon', '[{"count":1}]', 'application/json', 'fromWallMs', 400],
  ['no JSON', 'beacon', '{', 'application/json', 'no JSON', 400],
  ['not said to be JSON', 'beacon', '[]', 'text/plain', 'application/json', 400],
])('%s is refused and nothing is kept', async (_, kind, body, contentType, message, status) => {
  const answer = await fetch(`${server.url}/v1/evidence/checkout/${kind}`, {
    method: 'POST',
    body,
    headers: { 'content-type': contentType },
  });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({
    code: 'bad-request',
    message: expect.stringContaining(message),
  });
  expect(server.evidence.list('checkout', 'beacon')).toEqual([]);
});

test('one wrong sample refuses the whole call', async () => {
  const evidence = httpEvidence({ url: server.url, service: 'checkout', clock: systemClock });
  await expect(
    evidence.add('beacon', [beacon(nowMs()), { ...beacon(nowMs()), count: -1 }]),
  ).rejects.toMatchObject({ code: 'bad-request' });
  expect(await evidence.list('beacon')).toEqual([]);
});

test('samples that an earlier version stored, with a busyShare, are read without it', async () => {
  const figures = { requests: 450, p50Ms: 5, p99Ms: 60, errorRate: 0.02 };
  const sample: EvidenceSample<'five-minutes'> = {
    ...{ runId: 'run_1', region: 'west', strategy: 'nothing', costUsd: null },
    minutes: [{ ...figures, minute: 0, coldStarts: 3 }],
    ...{ whole: figures, baseline: null },
  };
  await server.close();
  const db = new DatabaseSync(join(dataDir, 'evidence.sqlite'));
  const body = JSON.stringify({ ...sample, busyShare: null });
  db.prepare('INSERT INTO samples (service, kind, wall_ms, body) VALUES (?, ?, ?, ?)').run(
    ...(['checkout', 'five-minutes', nowMs(), body] as const),
  );
  db.close();
  server = await start();
  const evidence = httpEvidence({ url: server.url, service: 'checkout', clock: systemClock });
  expect(await evidence.list('five-minutes')).toEqual([sample]);
  await expect(
    evidence.add('five-minutes', [{ ...sample, busyshare: null } as never]),
  ).rejects.toMatchObject({ code: 'bad-request' });
});

test('a server that is away is store-away', async () => {
  await expect(
    httpEvidence({ url: 'http://127.0.0.1:1', service: 'checkout', clock: systemClock }).list(
      'beacon',
    ),
  ).rejects.toMatchObject({ code: 'store-away' });
});

test('what is too old or too much is forgotten, the oldest first', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'throwover-evidence-bounds-'));
  const log = openEvidenceLog(dir, { maxSamples: 3, keptMs: evidenceKeptMs });
  const now = nowMs();
  log.add('checkout', 'beacon', [beacon(now - evidenceKeptMs - 1), beacon(now - 5)], now);
  expect(log.list('checkout', 'beacon')).toEqual([beacon(now - 5)]);
  for (let i = 0; i < 300; i++) log.add('checkout', 'beacon', [beacon(now + i, i)], now);
  const kept = log.list('checkout', 'beacon').map(({ count }) => count);
  expect(kept[0]).toBe(299);
  expect(kept.length).toBeLessThan(3 + 256);
  log.close();
  await rm(dir, { recursive: true });
});
