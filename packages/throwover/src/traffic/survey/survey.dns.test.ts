import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../../../lab/src/fixtures/ports.ts';
import { seededRandom, systemClock, unscaled } from '../../kernel/kernel.ts';
import { type RunningCanary, startCanary } from '../canary/canary.ts';
import type { ResolverReport } from './report.ts';
import {
  type Kind,
  kinds,
  missing,
  type Policy,
  type RealResolver,
  startResolver,
} from './resolvers.fixture.ts';
import { surveyResolvers } from './survey.ts';

const zone = 'canary.example.test';

/** The short TTL shows a minimum; the long one shows a maximum and a prefetch. */
const ttlsSeconds = [2, 30];

interface Case {
  readonly kind: Kind;
  readonly policy: Policy;
  readonly behaviour: ResolverReport['findings']['behaviour'];
  readonly clampSeconds: number | null;
}

const every = (
  policy: Policy,
  behaviour: Case['behaviour'],
  clampSeconds: number | null = null,
): readonly Case[] => kinds.map((kind) => ({ kind, policy, behaviour, clampSeconds }));

const cases: readonly Case[] = [
  ...every({}, 'honest'),
  ...every({ minimum: 8 }, 'clamps-minimum', 8),
  ...every({ minimum: 13 }, 'clamps-minimum', 13),
  // PowerDNS Recursor takes no maximum below 15 s.
  ...every({ maximum: 16 }, 'clamps-maximum', 16),
  ...every({ stale: true }, 'serves-stale'),
  { kind: 'unbound', policy: { prefetch: true }, behaviour: 'prefetches', clampSeconds: null },
  { kind: 'bind', policy: { prefetch: true }, behaviour: 'prefetches', clampSeconds: null },
];

let canary: RunningCanary;
const running: RealResolver[] = [];
const absent = new Map<Kind, string>();
const reports = new Map<Case, ResolverReport>();

/** All at the same time: the survey lasts as long as the longest hold. */
beforeAll(async () => {
  canary = await startCanary({
    zone: { zone, nameservers: [], ttlSeconds: 5 },
    host: '127.0.0.1',
    port: 0,
    answersPerSecond: null,
    clock: systemClock,
  });
  for (const kind of kinds) {
    const why = await missing(kind);
    if (why !== null) absent.set(kind, why);
  }
  const present = cases.filter(({ kind }) => !absent.has(kind));
  const ports = await freePorts(present.length);
  const started = await Promise.all(
    present.map(async ({ kind, policy }, index) => {
      const place = { port: ports[index] ?? 0, zone, upstream: canary.port, policy };
      const resolver = await startResolver(kind, place);
      running.push(resolver);
      return resolver;
    }),
  );
  const found = await surveyResolvers({
    plan: {
      zone,
      resolvers: started.map(({ server }) => server),
      ttlsSeconds,
      longestHoldMs: 60_000,
      timeScale: unscaled,
      ownTtlSeconds: null,
    },
    clock: systemClock,
    random: seededRandom(11),
    signal: new AbortController().signal,
  });
  for (const [index, one] of present.entries()) {
    const report = found[index];
    if (report !== undefined) reports.set(one, report);
  }
}, 150_000);

afterAll(async () => {
  await Promise.all(running.map(({ stop }) => stop()));
  await canary.close();
});

describe('a real resolver is named for what it is, its configuration never seen', () => {
  test.for(cases)('$kind $policy: $behaviour', (one, context) => {
    const { kind, behaviour } = one;
    const why = absent.get(kind);
    if (why !== undefined) context.skip(why);
    const report = reports.get(one);
    if (report === undefined) throw new Error('it was not asked');
    const { findings } = report;
    const told = JSON.stringify(report);
    expect(report.finished, told).toBe(true);
    expect(findings.behaviour, told).toBe(behaviour);
    expect(report.identity, told).toBe('127.0.0.1');
    expect(findings.kept.map(({ holdsMs }) => holdsMs.length)).toEqual([3, 3]);
    if (one.clampSeconds === null) {
      expect(findings.clampSeconds, told).toBeNull();
      return;
    }
    const off = Math.abs((findings.clampSeconds ?? 0) - one.clampSeconds);
    expect(off, told).toBeLessThanOrEqual(Math.max(1, 0.05 * one.clampSeconds));
  });
});
