import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { httpEvidence } from '../providers/http/evidence.ts';
import { beacon, evidenceLogConformance } from '../records/conformance.ts';
import { evidenceKeptMs, openEvidenceLog } from './evidence-log.ts';
import { serveForTests } from './logs.fixture.ts';

const nowMs = () => systemClock.wallMs();

evidenceLogConformance('`throwover serve`, over HTTP,', async () => {
  const serve = await serveForTests();
  const of = (name: string) =>
    httpEvidence({ url: serve.server.url, service: name, clock: systemClock });
  return {
    get log() {
      return of('checkout');
    },
    other: of,
    nowWallMs: nowMs(),
    restart: serve.restart,
    lose: serve.lose,
    end: serve.end,
  };
});

test.each([
  ['a kind that is not kept', 'gossip', '[]', 'application/json', 'no POST', 404],
  ['what is no sample', 'beacon', '[{"count":1}]', 'application/json', 'fromWallMs', 400],
  ['no JSON', 'beacon', '{', 'application/json', 'no JSON', 400],
  ['not said to be JSON', 'beacon', '[]', 'text/plain', 'application/json', 400],
])('%s is refused and nothing is kept', async (_, kind, body, contentType, message, status) => {
  const serve = await serveForTests();
  onTestFinished(serve.end);
  const { server } = serve;
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
