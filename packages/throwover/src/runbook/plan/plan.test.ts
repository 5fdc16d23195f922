import { describe, expect, test } from 'vitest';
import { defineErrors, seededRandom } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { createMemoryStore } from '../../store/memory/memory-store.ts';
import { type GuardResult, planDigest, storedPlan } from '../../store/plan.ts';
import { planOf, switchStep, World } from '../engine/engine.fixture.ts';
import { executeRun } from '../engine/execute.ts';
import type { Guard } from '../step.ts';
import { checkGuards } from './guards.ts';
import { approve } from './mandate.ts';

const errors = defineErrors({
  lagging: { disposition: 'wait', notLost: 'Nothing was changed.', remedy: 'Wait.' },
});
const lagging = (lagMs: number) => errors.make('lagging', `${lagMs} ms behind`, { lagMs });
const refusedBy = (lagMs: number, override: string | null): GuardResult => ({
  name: 'lag',
  title: 'The lag is small',
  refusals: [{ error: lagging(lagMs).toJSON(), override }],
});
const world = new World();
const steps = [
  switchStep(world, 'fence'),
  switchStep(world, 'promote', { noReturn: true, undo: { none: 'cannot' } }),
];

describe('a plan', () => {
  test('is data: steps with their bounds and what undoes them', () => {
    expect(planOf(steps).steps).toEqual([
      {
        name: 'fence',
        title: 'Throw fence',
        waits: 'machine',
        timeoutMs: 10_000,
        noReturn: false,
        undo: 'yes',
      },
      {
        name: 'promote',
        title: 'Throw promote',
        waits: 'machine',
        timeoutMs: 10_000,
        noReturn: true,
        undo: { none: 'cannot' },
      },
    ]);
    expect(() => planOf([switchStep(world, 'a'), switchStep(world, 'a')])).toThrow('two steps');
  });

  test('has the same digest whatever was measured, and another for anything that is done', () => {
    const digest = planDigest(
      planOf(steps, { guards: [refusedBy(400, 'lag')], facts: { lagMs: 400 } }),
    );
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(planDigest(planOf(steps, { guards: [refusedBy(999, 'lag')], facts: {} }))).toBe(digest);
    const others = [
      planOf(steps),
      planOf(steps, { guards: [refusedBy(400, null)] }),
      planOf(steps, { guards: [refusedBy(400, 'lag')], epoch: 2 }),
      planOf(steps, { guards: [refusedBy(400, 'lag')], to: 'north' }),
      planOf(steps.slice(1), { guards: [refusedBy(400, 'lag')] }),
      planOf([switchStep(world, 'fence', { timeoutMs: 1 }), ...steps.slice(1)], {
        guards: [refusedBy(400, 'lag')],
      }),
    ].map(planDigest);
    expect(new Set([digest, ...others]).size).toBe(1 + others.length);
  });

  test('comes back from the store as it was, or is damaged', () => {
    const plan = planOf(steps, { facts: { lagMs: 3 } });
    const { service, kind, from, to, epoch } = plan;
    const run = {
      ...{ runId: 'run_1', service, kind, from, to, epoch },
      planDigest: planDigest(plan),
      plan: JSON.parse(JSON.stringify(plan)),
    };
    expect(storedPlan(run)).toEqual(plan);
    const damaged = expect.objectContaining({ code: 'journal-damaged' });
    expect(() => storedPlan({ ...run, plan: { ...plan, to: 'north' } })).toThrow(damaged);
    expect(() => storedPlan({ ...run, plan: 'nothing' })).toThrow(damaged);
  });
});

describe('a mandate', () => {
  const approving = (digest: string, overrides: string[], guards: GuardResult[] = []) =>
    approve(planOf(steps, { guards }), { digest, by: 'alice', overrides });
  const digest = planDigest(planOf(steps));
  const refusal = (code: string) => expect.objectContaining({ code });

  test('takes the digest, or enough of it, and no other', () => {
    expect(approving(digest, [])).toMatchObject({ by: 'alice', digest, overrides: [] });
    expect(approving(digest.slice(0, 12), []).digest).toBe(digest);
    for (const wrong of [digest.slice(0, 11), '', 'f'.repeat(64), `${digest}0`]) {
      expect(() => approving(wrong, [])).toThrow(refusal('digest-mismatch'));
    }
  });

  test('names a second person, who is another one', async () => {
    const by = (second: string) =>
      approve(planOf(steps), { digest, by: 'alice', overrides: [], second });
    expect(by('bob').second).toBe('bob');
    expect(() => by('alice')).toThrow(refusal('second-is-first'));
    const clock = createVirtualClock();
    const store = createMemoryStore({ clock, random: seededRandom(1) });
    await store.registerService({ name: 'checkout', regions: ['east', 'west'], active: 'east' });
    const given = { store, clock, steps, owner: 'alice', plan: planOf(steps), mandate: by('bob') };
    const { runId } = await clock.until(executeRun(given));
    expect((await store.run(runId)).records[0]).toMatchObject({ by: 'alice', second: 'bob' });
  });

  test('takes each refusal by its name, and none that nobody may override', () => {
    const guards = [refusedBy(400, 'lag')];
    const refused = planDigest(planOf(steps, { guards }));
    expect(approving(refused, ['lag'], guards).overrides).toEqual(['lag']);
    expect(() => approving(refused, [], guards)).toThrow(refusal('plan-refused'));
    expect(() => approving(refused, ['lag', 'lagg'], guards)).toThrow(refusal('override-unknown'));
    const hard = [refusedBy(400, null)];
    expect(() => approving(planDigest(planOf(steps, { guards: hard })), ['lag'], hard)).toThrow(
      refusal('plan-refused'),
    );
  });

  test('for one plan does not carry out another', async () => {
    const clock = createVirtualClock();
    const store = createMemoryStore({ clock, random: seededRandom(1) });
    await store.registerService({ name: 'checkout', regions: ['east', 'west'], active: 'east' });
    const plan = planOf(steps, { kind: 'flip-only' });
    const mandate = approving(digest, []);
    await expect(
      executeRun({ store, clock, steps, owner: 'alice', plan, mandate }),
    ).rejects.toMatchObject({ code: 'digest-mismatch' });
    expect((await store.service('checkout')).openRun).toBeNull();
  });
});

describe('guards', () => {
  const clock = createVirtualClock();
  const { signal } = new AbortController();
  const guard = (name: string, check: Guard['check']): Guard => ({
    name,
    title: `Guard ${name}`,
    check,
  });
  const ask = (...guards: Guard[]) => clock.until(checkGuards({ guards, clock, signal }));

  test('let through or refuse, each with its evidence', async () => {
    const results = await ask(
      guard('well', async () => []),
      guard('lag', async () => [{ error: lagging(400), override: 'lag' }]),
    );
    expect(results).toMatchObject([
      { name: 'well', refusals: [] },
      {
        name: 'lag',
        refusals: [{ error: { code: 'lagging', evidence: { lagMs: 400 } }, override: 'lag' }],
      },
    ]);
  });

  test('refuse when they cannot see, and nobody may override that', async () => {
    const results = await ask(
      guard('fails', async () => Promise.reject(lagging(1))),
      guard('hangs', () => new Promise(() => {})),
    );
    expect(results).toMatchObject([
      { refusals: [{ error: { code: 'lagging' }, override: null }] },
      { refusals: [{ error: { code: 'guard-no-answer' }, override: null }] },
    ]);
  });

  test('that have a mistake of their own say so', async () => {
    await expect(
      ask(guard('bug', async () => Promise.reject(new TypeError('oops')))),
    ).rejects.toThrow('oops');
  });
});
