import { expect, test } from 'vitest';
import { seededRandom, systemClock, TimeScale } from '../kernel/kernel.ts';
import type { EvidenceLog, EvidenceSample } from '../records/samples.ts';
import { evidenceSamples } from '../records/samples.ts';
import { startCanary } from '../traffic/canary/canary.ts';
import { SurveyBoard, type SurveyWatch, watchResolvers } from './survey-watch.ts';

const zone = 'canary.example.test';

/** An evidence log in memory that checks samples as the store does. */
function evidenceInMemory() {
  const kept: EvidenceSample<'resolver'>[] = [];
  const added = Promise.withResolvers<void>();
  const log: EvidenceLog = {
    add: async (kind, samples) => {
      for (const sample of samples) kept.push(evidenceSamples[kind].parse(sample) as never);
      added.resolve();
    },
    list: async () => kept as never,
  };
  return { kept, log, added: added.promise };
}

async function watching(everyMs: number) {
  // The canary is asked like a resolver: one that keeps no answer, with any TTL.
  const canary = await startCanary({
    zone: { zone, nameservers: [], ttlSeconds: 5 },
    host: '127.0.0.1',
    port: 0,
    answersPerSecond: null,
    clock: systemClock,
  });
  const stop = new AbortController();
  const evidence = evidenceInMemory();
  const board = new SurveyBoard();
  const watch: SurveyWatch = {
    service: 'checkout',
    plan: {
      zone,
      resolvers: [`127.0.0.1:${canary.port}`],
      ttlsSeconds: [2],
      longestHoldMs: 60_000,
      timeScale: new TimeScale(60),
      ownTtlSeconds: 2,
    },
    everyMs,
    vantage: 'here',
    evidence: evidence.log,
    board,
    clock: systemClock,
    random: seededRandom(3),
    signal: stop.signal,
  };
  const end = async () => {
    stop.abort();
    await canary.close();
  };
  return { watch, evidence, board, stop, canary, end };
}

test('a survey in the background writes one sample a resolver, in life time, and shows it', async () => {
  const { watch, evidence, board, end } = await watching(86_400_000);
  const running = watchResolvers(watch);
  await evidence.added;
  await end();
  await running;
  expect(evidence.kept).toHaveLength(1);
  const [sample] = evidence.kept;
  expect(sample).toMatchObject({
    vantage: 'here',
    resolver: watch.plan.resolvers[0],
    identity: '127.0.0.1',
    behaviour: 'clamps-maximum',
    ttlSeconds: 120,
    trials: 3,
    finished: true,
  });
  expect(board.of('checkout')?.map(({ finished }) => finished)).toEqual([true]);
  expect(board.of('other')).toBeNull();
});

test('what was measured a while ago is not measured again by a restart; what is stopped is kept as unfinished', async () => {
  const { watch, evidence, canary, stop, end } = await watching(86_400_000);
  const sample = { atWallMs: systemClock.wallMs() - 1_000, vantage: 'here', finished: true };
  evidence.kept.push(sample as never);
  const running = watchResolvers(watch);
  stop.abort();
  await running;
  expect(canary.status().counters.queries).toBe(0);
  expect(evidence.kept).toHaveLength(1);
  await end();
});
