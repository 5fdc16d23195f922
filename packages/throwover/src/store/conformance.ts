import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BeginRun, JournalEvent, JournalRecord, RunLease, Store } from './store.ts';

/** A store to be tried, alone in the world, and the clock that its leases run on. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Moves the store's own clock. */
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

const leaseMs = 10_000;

const plan = { version: 1, steps: [{ name: 'fence' }, { name: 'promote' }] };

const begin: BeginRun = {
  service: 'checkout',
  kind: 'switchover',
  from: 'east',
  to: 'west',
  epoch: 1,
  planDigest: 'sha256:abc',
  plan,
  owner: 'alice',
  leaseMs,
};

export function recordOf(lease: RunLease, seq: number, event: JournalEvent): JournalRecord {
  return { seq, token: lease.token, wallMs: 1_767_225_600_000 + seq, ...event };
}

/** What every store must do; each adapter's test runs it. */
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
        record: recordOf(lease, seq, event),
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
    const refusal = (code: string) => expect.objectContaining({ name: 'ThrowoverError', code });

    test('a service is registered once; its active region is the store’s from then on', async () => {
      const first = {
        name: 'checkout',
        regions: ['east', 'west'],
        epoch: 1,
        active: 'east',
        openRun: null,
      };
      expect(await store.service('checkout')).toEqual(first);
      const again = await store.registerService({
        name: 'checkout',
        regions: ['east', 'west'],
        active: 'west',
      });
      expect(again).toEqual(first);
      await expect(store.service('other')).rejects.toEqual(refusal('no-such-service'));
    });

    test('regions of a service change between runs, never the active one away', async () => {
      const change = (regions: string[]) =>
        store.registerService({ name: 'checkout', regions, active: 'east' });
      expect((await change(['east', 'north'])).regions).toEqual(['east', 'north']);
      await expect(change(['north', 'west'])).rejects.toEqual(refusal('no-such-service-region'));
      await change(['east', 'west']);
      await store.beginRun(begin);
      await expect(change(['east', 'north'])).rejects.toEqual(refusal('run-in-progress'));
    });

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
        planDigest: 'sha256:abc',
        plan,
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

    test('a journal reads back as it was written, every kind of record', async () => {
      const lease = await store.beginRun(begin);
      const error = {
        code: 'standby-not-ready',
        message: 'west is away',
        disposition: 'wait',
        notLost: 'Nothing.',
        remedy: 'Look.',
        evidence: { role: 'standby', nested: { list: [1, null, 'ü'] } },
      } as const;
      const events: JournalEvent[] = [
        { type: 'mandate', by: 'alice', digest: 'sha256:abc', overrides: ['lag'] },
        { type: 'taken-over', by: 'bob' },
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
        { type: 'undo-intent', step: 'fence' },
        { type: 'undo-outcome', step: 'fence', result: 'undone', note: '' },
        { type: 'ended', status: 'undone', reason: 'promote failed' },
      ];
      for (const [index, event] of events.entries()) await append(lease, index + 1, event);
      expect((await store.run(lease.runId)).records).toEqual(
        events.map((event, index) => recordOf(lease, index + 1, event)),
      );
    });

    test('the same record again is there already; another at its number, or after a gap, is refused', async () => {
      const lease = await store.beginRun(begin);
      await append(lease, 1, intent('fence'));
      await append(lease, 1, intent('fence'));
      await expect(append(lease, 1, intent('promote'))).rejects.toEqual(refusal('seq-conflict'));
      await expect(append(lease, 3, intent('promote'))).rejects.toEqual(refusal('seq-conflict'));
      await append(lease, 2, ended);
      await append(lease, 2, ended);
      await expect(append(lease, 3, intent('late'))).rejects.toEqual(refusal('run-ended'));
      expect((await store.run(lease.runId)).records).toHaveLength(2);
    });

    test('of concurrent appends at one number exactly one is kept', async () => {
      const lease = await store.beginRun(begin);
      const steps = ['a', 'b', 'c', 'd'];
      const results = await Promise.allSettled(steps.map((step) => append(lease, 1, intent(step))));
      const kept = results.findIndex(({ status }) => status === 'fulfilled');
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await store.run(lease.runId)).records).toMatchObject([{ step: steps[kept] }]);
    });

    test('a record that says another token than its sender, or is too large, is refused', async () => {
      const lease = await store.beginRun(begin);
      const record = { ...recordOf(lease, 1, ended), token: lease.token + 1 };
      const { runId, token } = lease;
      await expect(store.append({ runId, token, record })).rejects.toEqual(refusal('seq-conflict'));
      const huge: JournalEvent = {
        type: 'intent',
        step: 'fence',
        observed: { text: 'x'.repeat(300_000) },
      };
      await expect(append(lease, 1, huge)).rejects.toEqual(refusal('record-too-large'));
      expect((await store.run(runId)).records).toEqual([]);
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
      await store.renewRun(lease);
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

    test('a run opens the next epoch once, and no other', async () => {
      const lease = await store.beginRun(begin);
      await expect(openEpoch(lease, 3)).rejects.toEqual(refusal('epoch-moved'));
      await expect(openEpoch(lease, 2, 'mars')).rejects.toEqual(refusal('no-such-service-region'));
      const opened = await openEpoch(lease);
      expect(opened).toMatchObject({ epoch: 2, active: 'west', openRun: lease.runId });
      expect(await openEpoch(lease)).toEqual(opened);
      await expect(openEpoch(lease, 2, 'east')).rejects.toEqual(refusal('epoch-moved'));
      await expect(openEpoch(lease, 3, 'east')).rejects.toEqual(refusal('epoch-moved'));
      await append(lease, 1, ended);
      const back = await store.beginRun({ ...begin, from: 'west', to: 'east', epoch: 2 });
      expect(await openEpoch(back, 3, 'east')).toMatchObject({ epoch: 3, active: 'east' });
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
      const other = await store.beginRun({ ...begin, service: 'search' });
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
    });
  });
}
