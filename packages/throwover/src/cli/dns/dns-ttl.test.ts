import { expect, test } from 'vitest';
import type { EvidenceKind, EvidenceLog, EvidenceSample } from '../../records/samples.ts';
import { World } from '../../runs/runs.fixture.ts';
import { worldSession } from '../world-session.fixture.ts';
import { dnsTtl } from './dns-ttl.ts';

type Kept = { readonly [K in EvidenceKind]?: readonly EvidenceSample<K>[] };

async function ask(kept: Kept) {
  const world = await new World().begin();
  const session = worldSession(world);
  const evidence: EvidenceLog = {
    add: async () => {},
    list: async <K extends EvidenceKind>(kind: K) => (kept[kind] ?? []) as EvidenceSample<K>[],
  };
  // Nothing listens at this name server, so the resolution time is unknown.
  session.loaded.service.traffic.nameservers = ['127.0.0.1:9'];
  let told: { result: unknown; text: string } = { result: null, text: '' };
  const output = {
    json: false,
    say: () => {},
    result: (result: unknown, text: string) => {
      told = { result, text };
    },
  };
  const asked = { ...session, parts: { ...session.parts, evidence } };
  await dnsTtl.run({ output: output as never, session: asked }, {});
  return told;
}

const atWallMs = 1_767_225_600_000;
const resolver = (
  identity: string,
  more: Partial<EvidenceSample<'resolver'>> = {},
): EvidenceSample<'resolver'> => ({
  atWallMs,
  vantage: 'here',
  resolver: `${identity}:53`,
  identity,
  behaviour: 'honest',
  clampLifeSeconds: null,
  ttlSeconds: 60,
  holdoversLifeMs: [60_000],
  trials: 1,
  finished: true,
  ...more,
});

test('with nothing measured, everything is unknown, and what would measure it is said', async () => {
  const { text } = await ask({});
  expect(text).toMatch(/^60 s \(now\) +unknown +unknown +unknown +unknown +unknown +unknown$/m);
  expect(text).toContain('`throwover dns survey` measures them');
  expect(text).toContain('no front door has been sampled');
});

test('the newest survey of each resolver, weighted by who stands behind it', async () => {
  const { text, result } = await ask({
    resolver: [
      resolver('10.0.0.1'),
      resolver('10.0.0.1', {
        atWallMs: atWallMs - 1_000,
        behaviour: 'ignores',
        holdoversLifeMs: [3_600_000],
      }),
      resolver('10.0.0.2'),
      resolver('10.0.0.3', { behaviour: 'clamps-minimum', clampLifeSeconds: 900 }),
    ],
    beacon: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((identity) => ({
      fromWallMs: atWallMs - 60_000,
      toWallMs: atWallMs,
      network: '192.0.2.0/24',
      resolver: identity,
      count: identity === '10.0.0.3' ? 10 : 40,
    })),
    connections: [
      {
        atWallMs,
        region: 'east',
        open: 600,
        agesMs: [1_000, 5_000, 100_000, 200_000],
        requestsOnOldShare: 0.5,
        requests: 1_000,
      },
    ],
  });
  // Half of 600 connections are younger than a minute: 5 a second.
  expect(result).toMatchObject({ weights: 'known', unsurveyed: 1, lookupsPerSecond: 5 });
  expect(text).toContain('3 surveyed, newest 0 h ago; 1 with clients and without a survey');
  // 8/9 of the surveyed clients are behind honest resolvers, 1/9 behind a clamp of 900 s.
  expect(text).toMatch(/^5 s +3 s \(n=3\) +>= 90 s \(n=3\)/m);
});
