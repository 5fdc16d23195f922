import { positionOf } from '@throwover/client';
import { beforeEach, describe, expect, it } from 'vitest';
import { approve, planDigest } from '../runbook/runbook.ts';
import { plannedRun } from '../store/plan.fixture.ts';
import type { Loss } from '../store/shapes.ts';
import { World } from './runs.fixture.ts';

let world: World;
beforeEach(async () => {
  world = await new World().begin();
});

/** East was last seen `agoMs` ago at this many bytes, and a second before that at 1,000, which west has. */
function sawEast(agoMs: number, bytes: number): void {
  const wallMs = world.clock.wallMs() - agoMs;
  const at = (lsn: number) => positionOf(1, `0/${lsn.toString(16)}`);
  world.sightings.push({ wallMs: wallMs - 1_000, position: at(1_000), by: 'the store' });
  world.sightings.push({ wallMs, position: at(bytes), by: 'the store' });
}

const refusalsOf = ({ guards }: Awaited<ReturnType<World['plan']>>) =>
  guards.flatMap(({ refusals }) =>
    refusals.map(({ error, override }) => `${error.code} | ${override}`),
  );

const both = ['two-writers', 'loss-above-bound'];

describe('a failover from a region that does not answer', () => {
  beforeEach(() => {
    sawEast(4_000, 1_512);
    world.lose(world.east);
  });

  it('states the loss from the last known positions, with their age, before anybody approves', async () => {
    const { facts } = await world.plan('failover');
    expect(facts['exposure']).toMatchObject({
      kind: 'at-risk',
      missingBytes: 512,
      seenBy: 'the store',
    });
    // From the moment that is known to be covered until now: 5 s and the time that the look took.
    const { atRiskMs, seenAgoMs } = facts['exposure'] as { atRiskMs: number; seenAgoMs: number };
    expect(atRiskMs - seenAgoMs).toBe(1_000);
    expect(atRiskMs).toBeGreaterThanOrEqual(5_000);
  });

  it('is refused without the names of what is taken', async () => {
    const plan = await world.plan('failover');
    expect(refusalsOf(plan)).toEqual([
      'fence-not-possible | two-writers',
      'loss-above-bound | loss-above-bound',
    ]);
    await expect(world.run('failover', { overrides: ['two-writers'] })).rejects.toMatchObject({
      code: 'plan-refused',
    });
  });

  it('is not above a bound that is wide enough, and never within one when nobody knows', async () => {
    world.policy = { lossBoundMs: 60_000 };
    expect(refusalsOf(await world.plan('failover'))).toEqual(['fence-not-possible | two-writers']);
    world.sightings.length = 0;
    expect(refusalsOf(await world.plan('failover'))).toContain(
      'loss-above-bound | loss-above-bound',
    );
  });

  it('promotes with the proof that a person overrode, leaves a gap in the ids, and ends without the region', async () => {
    expect(await world.run('failover', { overrides: both })).toMatchObject({ status: 'succeeded' });
    const { proof, lossy } = world.west.asked ?? {};
    expect(proof).toMatchObject({ kind: 'overridden', by: 'alice' });
    // At least 5 s x 1,000 ids/s x 10.
    expect(lossy?.sequenceAdvance).toBeGreaterThanOrEqual(50_000);
    expect(await world.store.service('checkout')).toMatchObject({
      epoch: 2,
      active: 'west',
      openedBy: 'failover',
    });
    expect(world.record.values).toEqual(['192.0.2.2']);
  });

  it('delivers the webhooks of the loss window again, where a gateway answers', async () => {
    const coveredMs = world.sightings[0]?.wallMs ?? 0;
    await world.run('failover', { overrides: both });
    const [eastGateway, westGateway] = world.gateways;
    expect(eastGateway?.windows).toEqual([]);
    expect(westGateway?.windows).toMatchObject([
      { epoch: 1, fromWallMs: coveredMs - 60_000, beyond: world.west.promotion?.switchPosition },
    ]);
    expect(westGateway?.current).toMatchObject({ mode: 'deliver', region: 'west', epoch: 2 });
  });

  it('strict: needs no name for two writers, and waits for the end of the lease', async () => {
    world.policy = { strict: true };
    const lease = { service: 'checkout', region: 'east', epoch: 1, leaseMs: 8_000 };
    await world.store.renewWriter(lease);
    const grantedMs = world.clock.monotonicMs();
    expect(refusalsOf(await world.plan('failover'))).toEqual([
      'loss-above-bound | loss-above-bound',
    ]);
    await world.run('failover', { overrides: ['loss-above-bound'] });
    const { proof } = world.west.asked ?? {};
    expect(proof).toMatchObject({ kind: 'expired', region: 'east', epoch: 1 });
    expect(world.clock.monotonicMs() - grantedMs).toBeGreaterThan(8_000);
    expect(await world.store.renewWriter(lease)).toMatchObject({ kind: 'refused' });
  });
});

describe('a strict writer that lives on the word of the other guard', () => {
  it('has lost that too before anybody judges what would be lost', async () => {
    world.lose(world.east);
    world.policy = { strict: true };
    const { clock } = world;
    const endsMs = clock.wallMs() + 60_000;
    world.west.endPromises = async () => ({ leftMs: Math.max(0, endsMs - clock.wallMs()) });
    await world.run('failover', { overrides: ['loss-above-bound'] });
    const { records } = await world.newestRun();
    const judged = records.find(({ type, ...more }) => 'step' in more && more.step === 'catch-up');
    expect(judged?.wallMs).toBeGreaterThanOrEqual(endsMs);
    expect(world.west.asked?.proof).toMatchObject({ kind: 'expired' });
  });
});

describe('a failover from a region that answers', () => {
  it('closes it first and loses nothing, so that nothing is to be overridden', async () => {
    expect(refusalsOf(await world.plan('failover'))).toEqual([]);
    await world.run('failover');
    expect(world.west.asked).toMatchObject({ proof: { kind: 'confirmed' }, lossy: null });
    expect(world.gateways.flatMap(({ windows }) => windows)).toEqual([]);
  });

  it('turns back when it falls silent before it was closed, and nobody took two writers', async () => {
    world.east.before = (command) => {
      if (command === 'fence') world.lose(world.east);
    };
    const definition = world.define('failover');
    const plan = await world.plan('failover', definition);
    const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides: [] });
    world.lose(world.east);
    const result = await world.carryOut(definition, { plan, mandate });
    expect(result).toMatchObject({ status: 'undone', error: { code: 'fence-not-possible' } });
    expect(world.west).toMatchObject({ role: 'standby', asked: null });
  });

  it('is told before the point of no return when more would be lost than was approved', async () => {
    // East closes, and dies before the standby has its last writes.
    sawEast(1_000, 1_000);
    world.east.bytes = 5_000;
    world.east.before = (command) => {
      if (command === 'fence') void world.clock.sleep(10).then(() => world.lose(world.east));
    };
    const result = await world.run('failover');
    expect(result).toMatchObject({ status: 'undone', error: { code: 'loss-above-bound' } });
    expect(world.west.role).toBe('standby');
  });
});

describe('a failover from a region whose guard answers and whose PostgreSQL does not run', () => {
  beforeEach(() => {
    sawEast(4_000, 1_512);
    world.east.role = 'stopped';
    world.west.streaming = false;
  });

  it('asks for the same names as from one that does not answer, and says why', async () => {
    const plan = await world.plan('failover');
    expect(refusalsOf(plan)).toEqual([
      'fence-not-possible | two-writers',
      'loss-above-bound | loss-above-bound',
    ]);
    expect(plan.guards.flatMap(({ refusals }) => refusals)[0]?.error.message).toContain(
      'PostgreSQL does not run',
    );
    expect(await world.run('failover', { overrides: both })).toMatchObject({ status: 'succeeded' });
    expect(world.west.asked).toMatchObject({ proof: { kind: 'overridden', by: 'alice' } });
  });

  it('strict: waits for the end of its lease', async () => {
    world.policy = { strict: true, lossBoundMs: 60_000 };
    expect(await world.run('failover')).toMatchObject({ status: 'succeeded' });
    expect(world.west.asked).toMatchObject({ proof: { kind: 'expired' } });
  });
});

it('a region that closes and then dies is left with what it had not sent, if that was accepted', async () => {
  sawEast(1_000, 1_000);
  world.policy = { lossBoundMs: 60_000 };
  world.east.bytes = 5_000;
  world.east.before = (command) => {
    if (command === 'fence') void world.clock.sleep(10).then(() => world.lose(world.east));
  };
  expect(await world.run('failover')).toMatchObject({ status: 'succeeded' });
  const { proof, lossy } = world.west.asked ?? {};
  expect(proof).toMatchObject({
    kind: 'overridden',
    reason: expect.stringContaining('was closed at'),
  });
  expect(lossy?.sequenceAdvance).toBeGreaterThan(0);
});

it('synchronous and in sync: nothing is lost, and nobody has to accept a loss', async () => {
  world.policy = { synchronous: true };
  const told = { epoch: 1, position: world.east.position, wallMs: world.clock.wallMs() };
  await world.store.recordSync({ service: 'checkout', region: 'east', inSync: true, ...told });
  world.west.inSync = true;
  world.lose(world.east);
  expect(refusalsOf(await world.plan('failover'))).toEqual(['fence-not-possible | two-writers']);
  await world.store.recordSync({ service: 'checkout', region: 'east', inSync: false, ...told });
  expect(refusalsOf(await world.plan('failover'))).toContain('loss-above-bound | loss-above-bound');
});

describe('synchronous, without a lease', () => {
  beforeEach(async () => {
    world.policy = { synchronous: true };
    const told = { epoch: 1, position: world.east.position, wallMs: world.clock.wallMs() };
    await world.store.recordSync({ service: 'checkout', region: 'east', inSync: true, ...told });
    world.west.inSync = true;
  });
  const notInSync = (agoMs = 0) =>
    world.store.recordSync({
      ...{ service: 'checkout', region: 'east', epoch: 1, inSync: false },
      ...{ position: world.east.position, wallMs: world.clock.wallMs() - agoMs },
    });

  describe('from a region that does not answer', () => {
    beforeEach(() => world.lose(world.east));

    it('lets nobody write down that commits do not wait, before it judges what would be lost', async () => {
      const asked: unknown[] = [];
      world.west.endPromises = async ({ token }) => {
        asked.push(token);
        return { leftMs: 0 };
      };
      let refusal: unknown;
      world.west.before = async (command) => {
        if (command === 'promote') refusal = await notInSync().catch((error) => error.code);
      };
      expect(await world.run('failover', { overrides: both })).toMatchObject({
        status: 'succeeded',
      });
      expect(refusal).toBe('writer-stopped');
      const { records, token } = await world.newestRun();
      expect(asked).toEqual([token]);
      const judged = records.find(
        ({ type, ...more }) => 'step' in more && more.step === 'catch-up' && type === 'outcome',
      );
      expect(judged).toMatchObject({ evidence: { complete: true, exposure: { kind: 'none' } } });
    });

    it('counts a record that came just before as a loss, and takes the stop back when it turns back', async () => {
      const { expireWriter } = world.store;
      // It reaches the store just before the run does, and speaks of a minute ago.
      world.store.expireWriter = async (speaker) => {
        await notInSync(60_000);
        return expireWriter(speaker);
      };
      const result = await world.run('failover', { overrides: ['two-writers'] });
      expect(result).toMatchObject({ status: 'undone', error: { code: 'loss-above-bound' } });
      expect(world.west).toMatchObject({ role: 'standby', asked: null });
      await notInSync();
    });

    it.each([
      ['the new side does not answer', () => world.lose(world.west)],
      [
        'the new side says that they do not wait',
        () => {
          world.west.inSync = false;
        },
      ],
      [
        'the new side has forgotten it',
        () => {
          world.west.inSync = null;
        },
      ],
    ])('does not call commits safe when %s', async (_, happens) => {
      happens();
      const { facts } = await world.plan('failover');
      expect(facts['exposure']).not.toMatchObject({ kind: 'none' });
    });
  });

  it('promotes without a resume when the old side closed, and died before the standby had its last bytes', async () => {
    const { east, west } = world;
    east.bytes = 5_000;
    east.before = (command) => {
      if (command === 'fence') void world.clock.sleep(10).then(() => world.lose(east));
    };
    expect(await world.run('failover')).toMatchObject({ status: 'succeeded' });
    expect(west.asked).toMatchObject({ proof: { kind: 'overridden' }, lossy: {} });
    expect(west.asked?.lossy?.sequenceAdvance).toBeGreaterThan(0);
    // The old side may have shown a webhook's effect that was never acknowledged.
    const beyond = west.promotion?.switchPosition;
    expect(world.gateways[1]?.windows).toMatchObject([{ epoch: 1, fromWallMs: null, beyond }]);
  });

  it('has the promotion renounced when it turns back, although the fence has no answer yet', async () => {
    const { east, west } = world;
    sawEast(60_000, 1_512);
    east.before = (command) => {
      if (command !== 'fence') return;
      west.inSync = false;
      return new Promise(() => {});
    };
    const result = await world.run('failover', { overrides: ['two-writers'] });
    expect(result).toMatchObject({ status: 'undone', error: { code: 'loss-above-bound' } });
    expect(west.renounced).toBe((await world.newestRun()).token);
  });
});

it('a switchover that loses its source half-way becomes a failover, in the same run', async () => {
  world.east.before = (command) => {
    if (command === 'fence') world.lose(world.east);
  };
  const left = new AbortController();
  const first = world.define('switchover');
  const plan = await world.plan('switchover', first);
  const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides: [] });
  void world.clock.sleep(5_000).then(() => left.abort());
  const { runId, status } = await world.carryOut(first, {
    plan,
    mandate,
    leaveSignal: left.signal,
  });
  expect(status).toBe('open');

  const second = world.define('failover', both);
  const newPlan = await world.plan('failover', second);
  const another = approve(newPlan, {
    digest: planDigest(newPlan),
    by: 'alice',
    overrides: both,
  });
  const result = await world.carryOut(second, {
    replanOf: { runId, plan: newPlan, mandate: another },
    earlierSteps: first.steps,
  });
  expect(result).toMatchObject({ runId, status: 'succeeded' });
  expect(world.west.asked?.proof).toMatchObject({ kind: 'overridden' });
  expect((await world.newestRun()).kind).toBe('failover');
});

describe('after a failover', () => {
  beforeEach(async () => {
    sawEast(4_000, 1_512);
    world.lose(world.east);
    world.east.bytes = 1_512;
    await world.run('failover', { overrides: both });
    world.east.away = false;
  });

  it('a switchover home is refused: failback is asked for by name', async () => {
    world.policy = { epoch: 2 };
    await world.run('rejoin', { from: 'west' });
    const switchover = await world.plan(
      'switchover',
      world.define('switchover', [], 'west'),
      'west',
    );
    expect(refusalsOf(switchover)).toEqual(['failback-locked | null']);
  });

  it('rejoin closes the old side, never opens it, sends its webhooks on and repeats the window there', async () => {
    expect(await world.run('rejoin', { from: 'west' })).toMatchObject({ status: 'succeeded' });
    expect(world.east.log).toEqual(expect.arrayContaining(['fence', 'attach']));
    expect(world.east.log).not.toContain('unfence');
    expect(world.east).toMatchObject({ role: 'standby', streaming: true });
    expect(await world.store.service('checkout')).toMatchObject({ epoch: 2, active: 'west' });
    const [eastGateway] = world.gateways;
    expect(eastGateway?.current).toMatchObject({ mode: 'deliver', region: 'west', epoch: 2 });
    expect(eastGateway?.windows).toMatchObject([{ epoch: 1 }]);
    expect(world.doors.east.current).toMatchObject({ mode: 'forward', region: 'west' });
  });

  it('failback waits for a read ledger, and goes home', async () => {
    await world.run('rejoin', { from: 'west' });
    const failback = () => world.define('failback', [], 'west');
    expect(refusalsOf(await world.plan('failback', failback(), 'west'))).toEqual([]);
    expect(await world.run('failback', { from: 'west' })).toMatchObject({ status: 'succeeded' });
    expect(await world.store.service('checkout')).toMatchObject({
      epoch: 3,
      active: 'east',
      openedBy: 'failback',
    });
  });
});

it('failback is refused while a lost write waits for a person', async () => {
  const loss: Loss = {
    id: '00000001/0000000000000400#1',
    runId: 'filled in below',
    transaction: '700',
    commitPosition: '00000001/0000000000000400',
    commitWallMs: null,
    table: 'public.orders',
    operation: 'insert',
    key: { id: '1' },
    before: null,
    after: { id: '1' },
    acknowledged: 'unknown',
    resolution: null,
  };
  const { store } = world;
  const { runId, token } = await store.beginRun({
    ...plannedRun({ kind: 'rejoin' }),
    owner: 'x',
    leaseMs: 1_000,
  });
  await store.addLosses({ service: 'checkout', runId, token, losses: [{ ...loss, runId }] });
  world.policy = { home: 'west' };
  expect(refusalsOf(await world.plan('failback'))).toEqual([
    'losses-unresolved | unresolved-losses',
  ]);
  await store.resolveLoss({ service: 'checkout', id: loss.id, by: 'bob', note: 'refunded' });
  expect(refusalsOf(await world.plan('failback'))).toEqual([]);
});
