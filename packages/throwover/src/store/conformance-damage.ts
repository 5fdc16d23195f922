import { expect, test } from 'vitest';
import { begin, leaseMs, recordOf, refusal, type StoreUnderTest } from './conformance-subject.ts';
import { plannedRun } from './plan.fixture.ts';
import type { BeginRun } from './port.ts';
import type { JournalEvent, RunLease } from './shapes.ts';

const service = 'checkout';
const given = { by: 'ana', reason: 'its rows were edited' };
const ended: JournalEvent = { type: 'ended', status: 'succeeded', reason: 'all steps are done' };

/** The tests for plans that are none, and for damaged runs, that every store must pass. */
export function damageConformance(subject: () => StoreUnderTest): void {
  const append = (lease: RunLease, seq: number, event: JournalEvent) =>
    subject().store.append({ ...lease, records: [recordOf(lease, seq, event)] });
  const endDamaged = ({ runId }: RunLease) => subject().store.endDamaged({ runId, ...given });
  const renew = () =>
    subject().store.renewWriter({ service, region: 'east', epoch: 1, leaseMs: 1_000 });

  const other = plannedRun({ kind: 'failover' });
  const wrongPlans: readonly (readonly [string, Partial<BeginRun>])[] = [
    ['is none', { plan: { steps: [] } }],
    ['is nothing', { plan: null }],
    ['is not the one of its digest', { planDigest: other.planDigest }],
    ['is for another kind of run', { plan: other.plan, planDigest: other.planDigest }],
  ];

  test.each(wrongPlans)('a plan that %s does not begin a run', async (_what, change) => {
    const wrong = subject().store.beginRun({ ...begin, ...change });
    await expect(wrong).rejects.toEqual(refusal('plan-wrong'));
    expect(await subject().store.service(service)).toMatchObject({ openRun: null, token: 0 });
    expect(await subject().store.runs({ limit: 1 })).toEqual([]);
  });

  test.each(wrongPlans)(
    'a plan that %s does not replace the one of a run',
    async (_what, change) => {
      const lease = await subject().store.beginRun(begin);
      const { kind, plan, planDigest: digest } = { ...other, kind: 'rejoin', ...change };
      const replanned: JournalEvent = {
        ...{ type: 'replanned', kind, by: 'ana', digest, plan, overrides: [] },
      };
      await expect(append(lease, 1, replanned)).rejects.toEqual(refusal('plan-wrong'));
      expect(await subject().store.run(lease.runId)).toMatchObject({
        kind: 'switchover',
        records: [],
      });
    },
  );

  test('a run that can be read, and one that has ended, are not ended as damaged', async () => {
    const lease = await subject().store.beginRun(begin);
    await subject().advance(leaseMs);
    await expect(endDamaged(lease)).rejects.toEqual(refusal('run-not-damaged'));
    await append(lease, 1, ended);
    await expect(endDamaged(lease)).rejects.toEqual(refusal('run-ended'));
    await expect(endDamaged({ ...lease, runId: 'run_none' })).rejects.toEqual(
      refusal('no-such-run'),
    );
  });

  test('a damaged run is neither read nor taken, keeps others from beginning, and is ended by a person', async () => {
    const lease = await subject().store.beginRun(begin);
    await append(lease, 1, { type: 'intent', step: 'fence', observed: {} });
    await subject().damage(lease.runId);
    const { runId } = lease;
    const damaged = refusal('journal-damaged');
    await expect(subject().store.run(runId)).rejects.toEqual(damaged);
    await expect(
      subject().store.takeRun({ runId, owner: 'bob', leaseMs, force: true }),
    ).rejects.toEqual(damaged);
    await expect(subject().store.beginRun(begin)).rejects.toEqual(refusal('run-in-progress'));
    // Its controller may be acting: after a restart the store counts one whole lease.
    await expect(endDamaged(lease)).rejects.toEqual(refusal('run-in-progress'));
    await subject().advance(leaseMs);

    const ending = await endDamaged(lease);
    expect(ending).toMatchObject({ runId, service, token: lease.token + 1, ...given });
    expect(ending.damage).toContain(runId);
    await subject().restart();
    expect(await endDamaged(lease)).toEqual(ending);
    const { by, reason, wallMs, damage } = ending;
    expect((await subject().store.runs({ limit: 1 }))[0]).toMatchObject({
      ...{ runId, status: 'abandoned', endedWallMs: wallMs, token: ending.token },
      abandoned: { by, reason, wallMs, damage },
    });
    await expect(subject().store.run(runId)).rejects.toMatchObject({
      code: 'run-abandoned',
      message: expect.stringContaining('ana'),
    });
    // The controller that had it can do nothing more.
    await expect(append(lease, 2, ended)).rejects.toEqual(refusal('run-lost'));
    await expect(append({ ...lease, token: ending.token }, 2, ended)).rejects.toEqual(
      refusal('run-ended'),
    );
    expect((await subject().store.service(service)).openRun).toBeNull();
    expect((await subject().store.beginRun(begin)).token).toBe(ending.token + 1);
  });

  test('the writer that a damaged run had stopped is given back, until the next run begins', async () => {
    const lease = await subject().store.beginRun(begin);
    await subject().store.expireWriter({ service, ...lease });
    await subject().damage(lease.runId);
    await subject().advance(leaseMs);
    const { token } = await endDamaged(lease);
    expect(await renew()).toMatchObject({ why: 'stopped' });
    const restore = (by: number) =>
      subject().store.restoreWriter({ service, runId: lease.runId, token: by });
    await expect(restore(lease.token)).rejects.toEqual(refusal('run-lost'));
    await restore(token);
    expect(await renew()).toEqual({ kind: 'granted' });
    const next = await subject().store.beginRun(begin);
    await subject().store.expireWriter({ service, ...next });
    await expect(restore(token)).rejects.toEqual(refusal('run-ended'));
    expect(await renew()).toMatchObject({ why: 'stopped' });
  });
}
