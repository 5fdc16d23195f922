import { beforeEach, describe, expect, it } from 'vitest';
import { approve, planDigest } from '../runbook/runbook.ts';
import { World } from './runs.fixture.ts';
import type { RunKind } from './runs.ts';

/** A controller dies when it has asked for the promotion; another one takes its run over. */

let world: World;
beforeEach(async () => {
  world = await new World().begin();
});

const two = ['two-writers'];

/** Carries a run on until its promotion is requested. `arrives`: only the answer is lost. */
async function leftInPromote(kind: RunKind, arrives: boolean, overrides: readonly string[] = []) {
  const leave = new AbortController();
  world.west.before = async (command) => {
    if (command !== 'promote') return;
    leave.abort();
    if (!arrives) await new Promise(() => {});
  };
  const definition = world.define(kind, overrides);
  const plan = await world.plan(kind, definition);
  const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides });
  const { runId } = await world.carryOut(definition, {
    plan,
    mandate,
    leaveSignal: leave.signal,
  });
  world.west.before = () => {};
  world.west.log.length = 0;
  world.east.log.length = 0;
  return runId;
}

const resume = (runId: string, kind: RunKind, overrides: readonly string[] = []) =>
  world.carryOut(world.define(kind, overrides), { resumeOf: { runId, force: true } });

/** East is back and open: its fence has passed its deadline. It has written, and west streams. */
function eastWritesAgain() {
  world.east.away = false;
  world.east.closed = null;
  world.east.bytes = 1_400;
  world.west.streaming = true;
}

/** West receives what east has written when east is closed. */
function westReceives() {
  world.east.before = (command) => {
    if (command === 'fence') world.west.bytes = world.east.bytes;
  };
}

const outcomes = async (step: string) =>
  (await world.newestRun()).records.flatMap((record) =>
    record.type === 'outcome' && record.step === step ? [record.evidence] : [],
  );

/** `ms` ago west had all; from then on nobody has seen what east wrote. */
function unseenFor(ms: number) {
  world.sightings.push({
    wallMs: world.clock.wallMs() - ms,
    position: world.west.position,
    by: 'the store',
  });
}

describe('a failover from a region that was silent', () => {
  beforeEach(() => {
    world.policy = { lossBoundMs: 20_000 };
    unseenFor(5_000);
    world.lose(world.east);
  });

  it('closes the region again when it is well, and loses nothing', async () => {
    const runId = await leftInPromote('failover', false, two);
    eastWritesAgain();
    westReceives();
    expect(await resume(runId, 'failover', two)).toMatchObject({ status: 'succeeded' });
    expect(world.east.closed).toMatchObject({ by: 'fence', token: 2 });
    expect(world.west.asked).toMatchObject({
      proof: { kind: 'confirmed', position: world.east.position, token: 2 },
      lossy: null,
    });
    const [before, after] = await outcomes('catch-up');
    expect(before).toMatchObject({ complete: false });
    expect(after).toMatchObject({ complete: true, position: world.east.position });
    // Nothing can be missing, so nothing is delivered again.
    expect(world.gateways.map(({ windows }) => windows)).toEqual([[], []]);
  });

  it.each([
    ['soon', 20_000],
    ['late', 2 * 3_600_000],
  ])('goes on without it when it is still silent, %s, as it was approved', async (_when, ms) => {
    const runId = await leftInPromote('failover', false, two);
    await world.clock.advance(ms);
    expect(await resume(runId, 'failover', two)).toMatchObject({ status: 'succeeded' });
    expect(world.west.asked).toMatchObject({ proof: { kind: 'overridden' } });
    expect(await outcomes('fence')).toMatchObject([{ confirmed: false }, { confirmed: false }]);
    const [before, after] = await outcomes('catch-up');
    expect(after).toEqual(before);
  });

  it('ends, undone, when the region had opened, is silent again, and more is lost than was approved', async () => {
    const runId = await leftInPromote('failover', false, two);
    // The fence arrived late; at its deadline east asked west, and opened.
    world.west.renounced = 1;
    await world.clock.advance(60_000);
    expect(await resume(runId, 'failover', two)).toMatchObject({
      status: 'undone',
      error: { code: 'loss-above-bound' },
    });
    expect(world.west).toMatchObject({ role: 'standby', asked: null, renounced: 2 });
  });

  it('opens the region again, at once, when it is well and the new side cannot receive', async () => {
    const runId = await leftInPromote('failover', false, two);
    eastWritesAgain();
    world.west.streaming = false;
    await world.clock.advance(60_000);
    expect(await resume(runId, 'failover', two)).toMatchObject({
      status: 'undone',
      error: { code: 'loss-above-bound' },
    });
    expect(world.east.closed).toBeNull();
    expect(world.east.opening).toMatchObject({ kind: 'renounced' });
  });

  it('waits for a promotion that the guard has accepted and not ended', async () => {
    const runId = await leftInPromote('failover', false, two);
    eastWritesAgain();
    world.west.accepted = { token: 1, epoch: 2 };
    void world.clock.sleep(3_000).then(() => world.west.finish());
    expect(await resume(runId, 'failover', two)).toMatchObject({ status: 'succeeded' });
    expect(world.east.log).not.toContain('fence');
    expect(await outcomes('catch-up')).toMatchObject([{ complete: false }]);
  });

  it('does not ask it anything when the new side was promoted before', async () => {
    const runId = await leftInPromote('failover', true, two);
    eastWritesAgain();
    expect(await resume(runId, 'failover', two)).toMatchObject({ status: 'succeeded' });
    expect(world.east.log).not.toContain('fence');
    expect(world.west.asked).toMatchObject({ proof: { kind: 'overridden' } });
    expect(await outcomes('catch-up')).toMatchObject([{ complete: false }]);
  });
});

describe('a strict failover from a region that was silent', () => {
  it('closes the region again when it is well, and does not wait for its lease', async () => {
    world.policy = { strict: true, lossBoundMs: 60_000 };
    unseenFor(5_000);
    world.lose(world.east);
    const runId = await leftInPromote('failover', false);
    eastWritesAgain();
    westReceives();
    expect(await resume(runId, 'failover')).toMatchObject({ status: 'succeeded' });
    expect(world.west.asked).toMatchObject({ proof: { kind: 'confirmed' }, lossy: null });
  });
});

describe('a switchover', () => {
  it('waits again for what the old side wrote after its fence had ended', async () => {
    const runId = await leftInPromote('switchover', false);
    eastWritesAgain();
    westReceives();
    expect(await resume(runId, 'switchover')).toMatchObject({ status: 'succeeded' });
    const [before, after] = await outcomes('fence');
    expect(before).toMatchObject({ token: 1 });
    expect(after).toMatchObject({ token: 2 });
    expect(world.west.asked?.proof).toMatchObject({ position: after?.['position'] });
    expect(await outcomes('catch-up')).toMatchObject([{}, { position: after?.['position'] }]);
  });

  it('opens the old side again when the new one does not get its last writes', async () => {
    const runId = await leftInPromote('switchover', false);
    eastWritesAgain();
    expect(await resume(runId, 'switchover')).toMatchObject({
      status: 'undone',
      error: { code: 'step-timed-out' },
    });
    expect(world.east).toMatchObject({ closed: null, opening: { kind: 'renounced' } });
    expect(world.west).toMatchObject({ role: 'standby', asked: null });
  });

  it('that has promoted ends without an old side that died meanwhile', async () => {
    const runId = await leftInPromote('switchover', true);
    world.lose(world.east);
    const resumed = await resume(runId, 'switchover');
    // Writes and DNS have moved; the old region's gateway is what still does not answer.
    expect(resumed).toMatchObject({
      status: 'open',
      error: { evidence: { step: 'deliver-webhooks' } },
    });
    expect(world.record.values).toEqual(['192.0.2.2']);
    expect(world.east.log).toEqual([]);
  });

  it('waits for the new side, and changes nothing on the old one before it answers', async () => {
    const runId = await leftInPromote('switchover', false);
    world.west.guardAway = true;
    expect(await resume(runId, 'switchover')).toMatchObject({
      status: 'open',
      error: { code: 'run-left-open', evidence: { step: 'promote' } },
    });
    expect(world.east.log).not.toContain('fence');
  });
});

describe('a run that another plan has replaced', () => {
  it('counts what was written before that plan as lost by it', async () => {
    world.policy = { lossBoundMs: 8_000 };
    unseenFor(5_000);
    world.lose(world.east);
    const runId = await leftInPromote('failover', false, two);
    await world.clock.advance(50_000);
    const second = world.define('failover', two);
    world.east.away = false;
    world.east.before = (command) => {
      if (command === 'fence') world.lose(world.east);
    };
    const plan = await world.plan('failover', second);
    const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides: two });
    const replanOf = { runId, plan, mandate };
    expect(await world.carryOut(second, { replanOf, earlierSteps: [] })).toMatchObject({
      status: 'undone',
      error: { code: 'loss-above-bound' },
    });
  });
});
