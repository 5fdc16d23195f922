import { beforeEach, describe, expect, it } from 'vitest';
import { authorityErrors } from '../authority/authority.ts';
import { ofRun } from '../authority/guard/guard.fixture.ts';
import { isThrowoverError } from '../kernel/kernel.ts';
import { approve, planDigest } from '../runbook/runbook.ts';
import { World } from './runs.fixture.ts';

let world: World;
beforeEach(async () => {
  world = await new World().begin();
});

describe('a switchover', () => {
  it('promotes with a confirmed proof and everything received (A1, A2), and attaches the old side', async () => {
    expect(await world.run('switchover')).toMatchObject({ status: 'succeeded' });
    expect(world.west.asked).toMatchObject({ proof: { kind: 'confirmed' }, lossy: null });
    expect(world.east).toMatchObject({ role: 'standby', closed: null });
    expect(await world.store.service('checkout')).toMatchObject({ epoch: 2, active: 'west' });
    expect(world.record).toMatchObject({ values: ['192.0.2.2'], generation: { epoch: 2 } });
    expect(world.doors.east.current).toMatchObject({ mode: 'forward', epoch: 2 });
    expect(world.gateways.map(({ current }) => current)).toMatchObject([
      { mode: 'deliver', epoch: 2, region: 'west' },
      { mode: 'deliver', epoch: 2, region: 'west' },
    ]);
  });

  it('fences with a deadline that leaves room for its catch-up', async () => {
    let deadlineMs: unknown;
    world.west.before = (command) => {
      if (command !== 'promote') return;
      const { closed } = world.east;
      deadlineMs = closed?.by === 'fence' ? closed.deadlineMs : closed;
    };
    await world.run('switchover');
    expect(deadlineMs).toBe(10_000);
    const catchUp = world.define('switchover').steps.find(({ name }) => name === 'catch-up');
    expect(catchUp?.timeoutMs).toBeLessThan(10_000);
  });

  it('turns back when the new guard has given its token up, and opens the old side with that word', async () => {
    // The effect of the deadline of the old guard: the peer renounces the token.
    world.west.before = (command) => {
      if (command === 'promote') world.west.renounced = world.west.token;
    };
    expect(await world.run('switchover')).toMatchObject({
      status: 'undone',
      error: { code: 'token-renounced' },
    });
    expect(world.east).toMatchObject({ role: 'primary', closed: null });
    expect(world.east.opening).toMatchObject({ kind: 'renounced', region: 'west' });
    expect(await world.store.service('checkout')).toMatchObject({ epoch: 1, active: 'east' });
  });

  it('opens the old side without the new guard while nobody was asked to promote', async () => {
    world.east.before = (command) => {
      // West's guard becomes unreachable while the fence is made: catch-up cannot end.
      if (command !== 'fence') return;
      world.west.guardAway = true;
      return world.clock.sleep(100);
    };
    expect(await world.run('switchover')).toMatchObject({ status: 'undone' });
    expect(world.east.closed).toBeNull();
    expect(world.east.opening).toMatchObject({ kind: 'never-asked' });
  });
});

describe('the hold of the door', () => {
  /** The commands to the old region's door, with their times. */
  function commandsToTheOldDoor() {
    const commands: { mode: string; atMs: number }[] = [];
    const door = world.doors.east;
    const set = door.set.bind(door);
    door.set = async (mode, token) => {
      commands.push({ mode: mode.mode, atMs: world.clock.monotonicMs() });
      return set(mode, token);
    };
    return commands;
  }

  /** Moments at which no hold of 2 s was in force between the first hold and the end of it. */
  function lapses(commands: readonly { mode: string; atMs: number }[]) {
    const first = commands.findIndex(({ mode }) => mode === 'hold');
    const held = commands.slice(first);
    return held.slice(1).filter(({ atMs }, n) => atMs - (held[n]?.atMs ?? 0) >= 2_000);
  }

  it.each(['fence', 'promote'])('does not end while a slow %s goes on', async (slow) => {
    const commands = commandsToTheOldDoor();
    const side = slow === 'fence' ? world.east : world.west;
    side.before = (command) => {
      if (command === slow) return world.clock.sleep(9_000);
    };
    expect(await world.run('switchover')).toMatchObject({ status: 'succeeded' });
    expect(lapses(commands)).toEqual([]);
    expect(commands.at(-1)).toMatchObject({ mode: 'forward' });
    expect(world.doors.east.current).toMatchObject({ mode: 'forward', epoch: 2 });
  });

  it('ends when no client waits any more, although the run goes on', async () => {
    const commands = commandsToTheOldDoor();
    const openEpoch = world.store.openEpoch.bind(world.store);
    world.store.openEpoch = async (...args) => {
      await world.clock.sleep(50_000);
      return openEpoch(...args);
    };
    expect(await world.run('switchover')).toMatchObject({ status: 'succeeded' });
    const holds = commands.filter(({ mode }) => mode === 'hold').map(({ atMs }) => atMs);
    expect((holds.at(-1) ?? 0) - (holds[0] ?? 0)).toBeLessThanOrEqual(28_000);
  });

  it('is not renewed by a controller that has left', async () => {
    const commands = commandsToTheOldDoor();
    expect(await leftInPromote(false)).toMatchObject({ status: 'open' });
    const before = commands.length;
    await world.clock.advance(20_000);
    expect(commands).toHaveLength(before);
  });

  it('is not asked for before the run has it in its journal', async () => {
    const door = world.doors.east;
    const set = door.set.bind(door);
    const journaled: boolean[] = [];
    door.set = async (mode, token) => {
      const { records } = await world.newestRun();
      journaled.push(records.some((one) => one.type === 'intent' && one.step === 'hold-door'));
      return set(mode, token);
    };
    await world.run('switchover');
    expect(journaled.length).toBeGreaterThan(1);
    expect(journaled).not.toContain(false);
  });

  it('a renewal without an answer fails nothing', async () => {
    const door = world.doors.east;
    const set = door.set.bind(door);
    let asked = 0;
    door.set = async (mode, token) => {
      if (mode.mode === 'hold' && ++asked > 1) throw new Error('the door is away');
      return set(mode, token);
    };
    world.west.before = (command) => {
      if (command === 'promote') return world.clock.sleep(5_000);
    };
    expect(await world.run('switchover')).toMatchObject({ status: 'succeeded' });
    expect(asked).toBeGreaterThan(5);
  });

  it('an undo leaves the door serving, whatever was renewed', async () => {
    world.west.before = async (command) => {
      if (command !== 'promote') return;
      await world.clock.sleep(5_000);
      world.west.renounced = world.west.token;
    };
    expect(await world.run('switchover')).toMatchObject({ status: 'undone' });
    await world.clock.advance(10_000);
    expect(world.doors.east.current).toEqual({ mode: 'serve', epoch: 1 });
  });
});

/** Carries a switchover on until its promotion is requested; the answer is lost. */
async function leftInPromote(asked: boolean) {
  const leave = new AbortController();
  world.west.before = async (command) => {
    if (command !== 'promote') return;
    leave.abort();
    if (!asked) await new Promise(() => {});
  };
  const definition = world.define('switchover');
  const plan = await world.plan('switchover', definition);
  const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides: [] });
  const left = await world.carryOut(definition, { plan, mandate, leaveSignal: leave.signal });
  world.west.before = () => {};
  return left;
}

describe('an abort in the middle of the promotion', () => {
  const promotionRefused = authorityErrors.make('promotion-refused', 'not everything was received');
  const abortOf = (runId: string) => ({ abortOf: { runId, by: 'bob', reason: 'wrong day' } });

  it('opens the old side when the new guard can still refuse', async () => {
    const { runId } = await leftInPromote(false);
    const result = await world.carryOut(world.define('switchover'), abortOf(runId));
    expect(result).toMatchObject({ status: 'undone', error: { code: 'run-aborted' } });
    expect(world.east.closed).toBeNull();
    expect(world.west.role).toBe('standby');
    expect(world.east.token).toBeGreaterThan(1);
  });

  it('takes back a run whose promotion the new guard has refused', async () => {
    world.west.promote = async () => {
      throw promotionRefused;
    };
    const { runId, status } = await world.run('switchover');
    expect(status).toBe('open');
    const result = await world.carryOut(world.define('switchover'), abortOf(runId));
    expect(result).toMatchObject({ status: 'undone', error: { code: 'run-aborted' } });
    expect(world.east.closed).toBeNull();
    expect(world.west.role).toBe('standby');
  });

  it('says that there is no way back when it was accepted, and changes nothing', async () => {
    const { runId } = await leftInPromote(true);
    const result = await world.carryOut(world.define('switchover'), abortOf(runId));
    expect(result).toMatchObject({ status: 'open', error: { code: 'no-way-back' } });
    expect(world.east.closed).not.toBeNull();
    const resumeOf = { runId, force: true };
    expect(await world.carryOut(world.define('switchover'), { resumeOf })).toMatchObject({
      status: 'succeeded',
    });
  });

  it('leaves the old side closed while nobody can say', async () => {
    const { runId } = await leftInPromote(false);
    world.west.away = true;
    const result = await world.carryOut(world.define('switchover'), abortOf(runId));
    expect(result).toMatchObject({ status: 'open', error: { code: 'turn-back-unknown' } });
    expect(world.east.closed).not.toBeNull();
  });
});

it('a takeover makes its token known at both guards before anything else', async () => {
  const { runId } = await leftInPromote(false);
  const resumeOf = { runId, force: true };
  await world.carryOut(world.define('switchover'), { resumeOf });
  const { records } = await world.newestRun();
  expect(records.find(({ type }) => type === 'taken-over')).toMatchObject({
    claimed: { east: 'claimed', west: 'claimed' },
  });
  await expect(
    world.clock.until(world.east.fence({ ...ofRun(1), deadlineMs: null })),
  ).rejects.toSatisfy((error) => isThrowoverError(error, 'token-too-old'));
});
