import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { damageConformance } from './conformance-damage.ts';
import { epochConformance } from './conformance-epochs.ts';
import { journalConformance } from './conformance-journal.ts';
import { ledgerConformance } from './conformance-ledger.ts';
import {
  begin,
  beginOf,
  leaseMs,
  recordOf,
  refusal,
  type StoreUnderTest,
} from './conformance-subject.ts';
import { writerConformance } from './conformance-writer.ts';
import type { BeginRun, Store } from './port.ts';
import type { JournalEvent, RunLease } from './shapes.ts';

/** The contract of a store as tests; each adapter's test runs it. */
export function storeConformance(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the store's contract`, () => {
    let subject: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      subject = await open();
      store = subject.store;
      await store.registerService({ name: 'checkout', regions: ['east', 'west'], active: 'east' });
    });
    afterEach(() => subject.close());

    const append = (lease: RunLease, seq: number, event: JournalEvent) =>
      store.append({
        runId: lease.runId,
        token: lease.token,
        records: [recordOf(lease, seq, event)],
      });
    const intent = (step: string): JournalEvent => ({
      type: 'intent',
      step,
      observed: { fenced: false },
    });
    const ended: JournalEvent = {
      type: 'ended',
      status: 'succeeded',
      reason: 'all steps are done',
    };
    const openEpoch = (lease: RunLease, epoch = 2, active = 'west') =>
      store.openEpoch({ service: 'checkout', ...lease, epoch, active });

    test('a run keeps what it was begun with, and blocks the service until it has ended', async () => {
      const lease = await store.beginRun(begin);
      expect((await store.service('checkout')).openRun).toBe(lease.runId);
      expect(await store.run(lease.runId)).toEqual({
        runId: lease.runId,
        service: 'checkout',
        kind: 'switchover',
        from: 'east',
        to: 'west',
        epoch: 1,
        planDigest: begin.planDigest,
        plan: begin.plan,
        owner: 'alice',
        token: lease.token,
        status: 'running',
        startedWallMs: expect.any(Number),
        endedWallMs: null,
        records: [],
      });
      await expect(store.beginRun({ ...begin, owner: 'bob' })).rejects.toMatchObject({
        code: 'run-in-progress',
        evidence: { runId: lease.runId, owner: 'alice' },
      });
      await append(lease, 1, ended);
      expect((await store.service('checkout')).openRun).toBeNull();
      expect(await store.run(lease.runId)).toMatchObject({
        status: 'succeeded',
        endedWallMs: recordOf(lease, 1, ended).wallMs,
      });
      expect((await store.beginRun(begin)).token).toBeGreaterThan(lease.token);
    });

    test('of concurrent begins exactly one wins', async () => {
      const results = await Promise.allSettled(
        ['alice', 'bob', 'carol', 'dave'].map((owner) => store.beginRun({ ...begin, owner })),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toEqual(refusal('run-in-progress'));
      }
    });

    test('a plan for another epoch, another active region or an unknown region does not begin', async () => {
      const beginning = (change: Partial<BeginRun>) => store.beginRun({ ...begin, ...change });
      await expect(beginning({ epoch: 2 })).rejects.toEqual(refusal('epoch-moved'));
      await expect(beginning({ from: 'west', to: 'east' })).rejects.toEqual(refusal('epoch-moved'));
      await expect(beginning({ to: 'mars' })).rejects.toEqual(refusal('no-such-service-region'));
      await expect(beginning({ service: 'other' })).rejects.toEqual(refusal('no-such-service'));
      expect((await store.service('checkout')).openRun).toBeNull();
    });

    test('a halt refuses new runs and is told at renewals; an open run is still taken and ended', async () => {
      const lease = await store.beginRun(begin);
      expect(await store.renewRun(lease)).toEqual({ halted: null });
      const halt = { by: 'carol', reason: 'pages all over', wallMs: 1_767_225_600_000 };
      await store.setHalt(halt);
      await subject.restart();
      expect(await subject.store.halt()).toEqual(halt);
      expect(await subject.store.renewRun(lease)).toEqual({ halted: halt });
      const { runId } = lease;
      const taken = await subject.store.takeRun({ runId, owner: 'bob', leaseMs, force: true });
      await subject.store.append({
        runId,
        token: taken.token,
        records: [recordOf(taken, 1, ended)],
      });
      await expect(subject.store.beginRun(begin)).rejects.toMatchObject({
        code: 'halted',
        disposition: 'wait',
        message: expect.stringContaining('carol'),
        remedy: expect.stringContaining('throwover halt --off'),
      });
      await subject.store.setHalt(null);
      expect(await subject.store.halt()).toBeNull();
      await subject.store.beginRun(begin);
    });

    test('a run is taken when its lease has ended, and a renewed lease has not', async () => {
      const lease = await store.beginRun(begin);
      const take = (force = false) =>
        store.takeRun({ runId: lease.runId, owner: 'bob', leaseMs, force });
      await subject.advance(leaseMs - 1);
      await expect(take()).rejects.toMatchObject({
        code: 'run-in-progress',
        evidence: { owner: 'alice' },
      });
      expect(await store.renewRun(lease)).toEqual({ halted: null });
      await subject.advance(leaseMs - 1);
      await expect(take()).rejects.toEqual(refusal('run-in-progress'));
      await subject.advance(1);
      const taken = await take();
      expect(taken.token).toBeGreaterThan(lease.token);
      expect(await store.run(lease.runId)).toMatchObject({ owner: 'bob', token: taken.token });
    });

    test('an old controller that wakes after a takeover can neither append, renew nor open an epoch', async () => {
      const lease = await store.beginRun(begin);
      await append(lease, 1, intent('fence'));
      const taken = await store.takeRun({ runId: lease.runId, owner: 'bob', leaseMs, force: true });
      await expect(append(lease, 2, ended)).rejects.toEqual(refusal('run-lost'));
      await expect(append(lease, 1, intent('fence'))).rejects.toEqual(refusal('run-lost'));
      await expect(store.renewRun(lease)).rejects.toEqual(refusal('run-lost'));
      await expect(openEpoch(lease)).rejects.toEqual(refusal('run-lost'));
      await append(taken, 2, { type: 'taken-over', by: 'bob' });
      expect((await store.run(lease.runId)).records).toHaveLength(2);
    });

    test('a lease that ended without a takeover still carries its run', async () => {
      const lease = await store.beginRun(begin);
      await subject.advance(10 * leaseMs);
      await append(lease, 1, intent('fence'));
      await store.renewRun(lease);
      await expect(
        store.takeRun({ runId: lease.runId, owner: 'bob', leaseMs, force: false }),
      ).rejects.toEqual(refusal('run-in-progress'));
    });

    test('a run that has ended is neither taken nor renewed, nor opens an epoch', async () => {
      const lease = await store.beginRun(begin);
      await append(lease, 1, ended);
      await expect(
        store.takeRun({ runId: lease.runId, owner: 'bob', leaseMs, force: true }),
      ).rejects.toEqual(refusal('run-ended'));
      await expect(store.renewRun(lease)).rejects.toEqual(refusal('run-ended'));
      await expect(openEpoch(lease)).rejects.toEqual(refusal('run-ended'));
    });

    test('tokens grow over all runs of a service', async () => {
      const tokens: number[] = [];
      for (let round = 0; round < 3; round++) {
        const lease = await store.beginRun(begin);
        const taken = await store.takeRun({
          runId: lease.runId,
          owner: 'bob',
          leaseMs,
          force: true,
        });
        await append(taken, 1, ended);
        tokens.push(lease.token, taken.token);
      }
      expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    });

    test('runs are listed newest first, of one service or of all', async () => {
      await store.registerService({ name: 'search', regions: ['east', 'west'], active: 'east' });
      const first = await store.beginRun(begin);
      await append(first, 1, ended);
      const other = await store.beginRun(beginOf({ service: 'search' }));
      const second = await store.beginRun(begin);
      const ids = async (filter: { service?: string; limit: number }) =>
        (await store.runs(filter)).map(({ runId }) => runId);
      expect(await ids({ limit: 10 })).toEqual([second.runId, other.runId, first.runId]);
      expect(await ids({ service: 'checkout', limit: 10 })).toEqual([second.runId, first.runId]);
      expect(await ids({ limit: 1 })).toEqual([second.runId]);
      expect((await store.runs({ service: 'checkout', limit: 2 }))[1]).not.toHaveProperty(
        'records',
      );
    });

    test('an unknown run is refused by every call', async () => {
      const lease = { runId: 'run_none', token: 1, leaseMs };
      const unknown = refusal('no-such-run');
      await expect(store.run('run_none')).rejects.toEqual(unknown);
      await expect(append(lease, 1, ended)).rejects.toEqual(unknown);
      await expect(store.renewRun(lease)).rejects.toEqual(unknown);
      await expect(openEpoch(lease)).rejects.toEqual(unknown);
      await expect(
        store.takeRun({ runId: 'run_none', owner: 'bob', leaseMs, force: true }),
      ).rejects.toEqual(unknown);
      const speaker = { service: 'checkout', ...lease };
      await expect(store.expireWriter(speaker)).rejects.toEqual(unknown);
      await expect(store.restoreWriter(speaker)).rejects.toEqual(unknown);
      await expect(store.addLosses({ ...speaker, losses: [] })).rejects.toEqual(unknown);
    });

    epochConformance(() => subject);
    damageConformance(() => subject);
    journalConformance(() => subject);
    writerConformance(() => subject);
    ledgerConformance(() => subject);
  });
}
