import { expect, test } from 'vitest';
import { begin, leaseMs, recordOf, refusal, type StoreUnderTest } from './conformance-subject.ts';
import { plannedRun } from './plan.fixture.ts';
import type { JournalEvent, JournalRecord, RunLease } from './shapes.ts';

const intent = (step: string): JournalEvent => ({
  type: 'intent',
  step,
  observed: { fenced: false },
});

const ended: JournalEvent = { type: 'ended', status: 'succeeded', reason: 'all steps are done' };

/** The tests for journals that every store must pass. */
export function journalConformance(subject: () => StoreUnderTest): void {
  const append = (lease: RunLease, seq: number, event: JournalEvent) =>
    subject().store.append({
      runId: lease.runId,
      token: lease.token,
      records: [recordOf(lease, seq, event)],
    });

  test('a journal reads back as it was written, every kind of record', async () => {
    const lease = await subject().store.beginRun(begin);
    const error = {
      code: 'standby-not-ready',
      message: 'west is away',
      disposition: 'wait',
      notLost: 'Nothing.',
      remedy: 'Look.',
      evidence: { role: 'standby', nested: { list: [1, null, 'ü'] } },
    } as const;
    const failover = plannedRun({ kind: 'failover' });
    const events: JournalEvent[] = [
      { type: 'mandate', by: 'alice', digest: begin.planDigest, overrides: ['lag'] },
      { type: 'mandate', by: 'alice', digest: begin.planDigest, overrides: [], second: 'carol' },
      { type: 'taken-over', by: 'bob' },
      { type: 'abort-requested', by: 'alice', reason: 'wrong evening' },
      {
        type: 'replanned',
        kind: 'failover',
        by: 'alice',
        digest: failover.planDigest,
        plan: failover.plan,
        overrides: ['fence'],
      },
      intent('fence'),
      {
        type: 'outcome',
        step: 'fence',
        result: 'acted',
        evidence: { position: 'p' },
        durationMs: 1.25,
        kind: 'machine',
      },
      { type: 'step-failed', step: 'promote', error, durationMs: 3 },
      { type: 'step-failed', step: 'promote', error, durationMs: 3, turnedBack: true },
      { type: 'undo-intent', step: 'fence' },
      { type: 'undo-outcome', step: 'fence', result: 'undone', note: '' },
      { type: 'ended', status: 'undone', reason: 'promote failed' },
    ];
    for (const [index, event] of events.entries()) await append(lease, index + 1, event);
    expect((await subject().store.run(lease.runId)).records).toEqual(
      events.map((event, index) => recordOf(lease, index + 1, event)),
    );
  });

  test('the same record again is there already; another at its number, or after a gap, is refused', async () => {
    const lease = await subject().store.beginRun(begin);
    await append(lease, 1, intent('fence'));
    await append(lease, 1, intent('fence'));
    await expect(append(lease, 1, intent('promote'))).rejects.toEqual(refusal('seq-conflict'));
    await expect(append(lease, 3, intent('promote'))).rejects.toEqual(refusal('seq-conflict'));
    await append(lease, 2, ended);
    await append(lease, 2, ended);
    await expect(append(lease, 3, intent('late'))).rejects.toEqual(refusal('run-ended'));
    expect((await subject().store.run(lease.runId)).records).toHaveLength(2);
  });

  test('records of one append are kept together, or none of them is', async () => {
    const lease = await subject().store.beginRun(begin);
    const { runId, token } = lease;
    const three = [intent('fence'), intent('promote'), ended].map((event, index) =>
      recordOf(lease, index + 1, event),
    );
    const [first, second, last] = three as [JournalRecord, JournalRecord, JournalRecord];
    const together = (...records: readonly JournalRecord[]) =>
      subject().store.append({ runId, token, records });
    await expect(together(first, last)).rejects.toEqual(refusal('seq-conflict'));
    await expect(together(first, second, { ...last, token: 99 })).rejects.toEqual(
      refusal('seq-conflict'),
    );
    await expect(together({ ...last, seq: 1 }, second)).rejects.toEqual(refusal('run-ended'));
    expect(await subject().store.run(runId)).toMatchObject({ status: 'running', records: [] });
    await together(first);
    // Sent again together with records that have become due since: a record that is already there
    // is no conflict.
    await together(first, second, last);
    await together(first, second, last);
    await subject().restart();
    expect(await subject().store.run(runId)).toMatchObject({ status: 'succeeded', records: three });
    await expect(subject().store.beginRun(begin)).resolves.toMatchObject({ token: token + 1 });
  });

  test('of concurrent appends at one number exactly one is kept', async () => {
    const lease = await subject().store.beginRun(begin);
    const steps = ['a', 'b', 'c', 'd'];
    const results = await Promise.allSettled(steps.map((step) => append(lease, 1, intent(step))));
    const kept = results.findIndex(({ status }) => status === 'fulfilled');
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await subject().store.run(lease.runId)).records).toMatchObject([{ step: steps[kept] }]);
  });

  test('a record that says another token than its sender, or is too large, is refused', async () => {
    const lease = await subject().store.beginRun(begin);
    const record = { ...recordOf(lease, 1, ended), token: lease.token + 1 };
    const { runId, token } = lease;
    await expect(subject().store.append({ runId, token, records: [record] })).rejects.toEqual(
      refusal('seq-conflict'),
    );
    const huge: JournalEvent = {
      type: 'intent',
      step: 'fence',
      observed: { text: 'x'.repeat(300_000) },
    };
    await expect(append(lease, 1, huge)).rejects.toEqual(refusal('record-too-large'));
    expect((await subject().store.run(runId)).records).toEqual([]);
  });

  test('a run that was replanned is the new kind, with the new plan, also after a restart', async () => {
    const lease = await subject().store.beginRun(begin);
    await append(lease, 1, intent('fence'));
    const failover = plannedRun({ kind: 'failover', facts: { text: 'x'.repeat(300_000) } });
    const { plan, planDigest } = failover;
    await append(lease, 2, {
      type: 'replanned',
      kind: 'failover',
      by: 'alice',
      digest: planDigest,
      plan,
      overrides: [],
    });
    const inForce = { kind: 'failover', planDigest };
    expect((await subject().store.runs({ limit: 1 }))[0]).toMatchObject(inForce);
    await subject().restart();
    expect(await subject().store.run(lease.runId)).toMatchObject({ ...inForce, plan });
    const taken = await subject().store.takeRun({
      runId: lease.runId,
      owner: 'bob',
      leaseMs,
      force: true,
    });
    const epoch = { service: 'checkout', ...taken, epoch: 2, active: 'west' };
    expect(await subject().store.openEpoch(epoch)).toMatchObject({ openedBy: 'failover' });
  });
}
