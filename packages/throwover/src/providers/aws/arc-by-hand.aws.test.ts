import { afterEach, beforeEach, expect, test } from 'vitest';
import { missingTools, typed } from '../../runbook/by-hand/typed.fixture.ts';
import type { HandWork } from '../../runbook/by-hand/work.ts';
import { type Cluster, startCluster } from './arc.fixture.ts';
import { arcHands } from './arc-by-hand.ts';

const missing = missingTools('aws').length > 0;
const title = (text: string) =>
  missing ? `${text} (skipped: the aws command line is not installed)` : text;

const control = (region: string) =>
  `arn:aws:route53-recovery-control::111122223333:controlpanel/0123456789abcdef/routingcontrol/${region}`;
const env = {
  ...{ AWS_ACCESS_KEY_ID: 'lab', AWS_SECRET_ACCESS_KEY: 'lab', AWS_MAX_ATTEMPTS: '1' },
};

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster({ [control('east')]: 'On', [control('west')]: 'Off' });
});
afterEach(() => cluster.close());

function toWest(): HandWork {
  const hands = arcHands({
    endpoints: cluster.endpoints,
    controls: { east: control('east'), west: control('west') },
  });
  expect(hands.wasWrittenFor(1, 'east')).toBeNull();
  const [work] = hands.point({ region: 'west', epoch: 2, values: [] });
  if (work === undefined) throw new Error('no box');
  return work;
}

test.skipIf(missing)(
  title(
    'one call turns one region on and the other off; the next endpoint is asked where one is away',
  ),
  async () => {
    await cluster.stopEndpoint(0);
    expect(await typed(toWest(), { env })).toMatchObject({ exitCode: 0 });
    expect(Object.fromEntries(cluster.states)).toEqual({
      [control('east')]: 'Off',
      [control('west')]: 'On',
    });
  },
  60_000,
);

test.skipIf(missing)(
  title('a safety rule that says no is seen, and nothing has changed'),
  async () => {
    cluster.forbid('not now');
    const { exitCode, said } = await typed(toWest(), { env });
    expect(exitCode).not.toBe(0);
    expect(said).toContain('not now');
    expect(cluster.states.get(control('east'))).toBe('On');
  },
  60_000,
);
