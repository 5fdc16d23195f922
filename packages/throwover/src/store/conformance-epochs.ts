import { expect, test } from 'vitest';
import { begin, beginOf, recordOf, refusal, type StoreUnderTest } from './conformance-subject.ts';
import type { JournalEvent, RunLease } from './shapes.ts';

const ended: JournalEvent = { type: 'ended', status: 'succeeded', reason: 'all steps are done' };

/** The tests for services and epochs that every store must pass. */
export function epochConformance(subject: () => StoreUnderTest): void {
  const append = (lease: RunLease, seq: number, event: JournalEvent) =>
    subject().store.append({
      runId: lease.runId,
      token: lease.token,
      records: [recordOf(lease, seq, event)],
    });
  const openEpoch = (lease: RunLease, epoch = 2, active = 'west') =>
    subject().store.openEpoch({ service: 'checkout', ...lease, epoch, active });

  test('a service is registered once; its active region is the store’s from then on', async () => {
    const first = {
      name: 'checkout',
      regions: ['east', 'west'],
      epoch: 1,
      active: 'east',
      openRun: null,
      openedBy: 'registered',
      token: 0,
      sync: null,
    };
    expect(await subject().store.service('checkout')).toEqual(first);
    const again = await subject().store.registerService({
      name: 'checkout',
      regions: ['east', 'west'],
      active: 'west',
    });
    expect(again).toEqual(first);
    await expect(subject().store.service('other')).rejects.toEqual(refusal('no-such-service'));
  });

  test('regions of a service change between runs, never the active one away', async () => {
    const change = (regions: string[]) =>
      subject().store.registerService({ name: 'checkout', regions, active: 'east' });
    expect((await change(['east', 'north'])).regions).toEqual(['east', 'north']);
    await expect(change(['north', 'west'])).rejects.toEqual(refusal('no-such-service-region'));
    await change(['east', 'west']);
    await subject().store.beginRun(begin);
    await expect(change(['east', 'north'])).rejects.toEqual(refusal('run-in-progress'));
  });

  test('a lost store goes on above what guards have seen; a known one too, between runs alone', async () => {
    const atLeast = (name: string, epoch: number, token: number, openRun?: string) =>
      subject().store.registerService({
        name,
        regions: ['east', 'west'],
        active: 'west',
        atLeast: { epoch, token, ...(openRun === undefined ? {} : { openRun }) },
      });
    expect(await atLeast('lost', 7, 40)).toMatchObject({ epoch: 7, active: 'west' });
    const back = { service: 'lost', from: 'west', to: 'east' };
    const lost = await subject().store.beginRun(beginOf({ ...back, epoch: 7 }));
    expect(lost.token).toBe(41);
    expect(await atLeast('lost', 9, 90)).toMatchObject({ epoch: 7, token: 41 });
    const { runId } = lost;
    expect(await atLeast('lost', 9, 44, 'run_other')).toMatchObject({ epoch: 7, token: 41 });
    expect(await atLeast('lost', 9, 44, runId)).toMatchObject({ epoch: 7, token: 44 });
    await append(lost, 1, ended);
    expect(await atLeast('lost', 8, 3)).toMatchObject({ epoch: 8, openedBy: 'registered' });
    expect(await atLeast('lost', 2, 50)).toMatchObject({ epoch: 8, active: 'west' });
    const next = await subject().store.beginRun(beginOf({ ...back, epoch: 8 }));
    expect(next.token).toBe(51);
    expect(await atLeast('checkout', 3, 5)).toMatchObject({ epoch: 3, active: 'east' });
  });

  test('a run opens the next epoch once, and no other', async () => {
    const lease = await subject().store.beginRun(begin);
    await expect(openEpoch(lease, 3)).rejects.toEqual(refusal('epoch-moved'));
    await expect(openEpoch(lease, 2, 'mars')).rejects.toEqual(refusal('no-such-service-region'));
    const opened = await openEpoch(lease);
    expect(opened).toMatchObject({ epoch: 2, active: 'west', openRun: lease.runId });
    expect(opened.openedBy).toBe('switchover');
    expect(await openEpoch(lease)).toEqual(opened);
    await expect(openEpoch(lease, 2, 'east')).rejects.toEqual(refusal('epoch-moved'));
    await expect(openEpoch(lease, 3, 'east')).rejects.toEqual(refusal('epoch-moved'));
    await append(lease, 1, ended);
    const home = beginOf({ from: 'west', to: 'east', epoch: 2 });
    const back = await subject().store.beginRun(home);
    expect(await openEpoch(back, 3, 'east')).toMatchObject({ epoch: 3, active: 'east' });
  });

  test('an epoch that was opened by hand is adopted upwards alone, and the open run finds that it moved', async () => {
    const lease = await subject().store.beginRun(begin);
    const adopt = (epoch: number, active: string) =>
      subject().store.adoptEpoch({ service: 'checkout', epoch, active });
    await expect(adopt(4, 'mars')).rejects.toEqual(refusal('no-such-service-region'));
    expect(await adopt(1, 'west')).toMatchObject({ epoch: 1, active: 'east' });
    const moved = { epoch: 4, active: 'west', openedBy: 'adopted', openRun: lease.runId };
    expect(await adopt(4, 'west')).toMatchObject(moved);
    expect(await adopt(4, 'east')).toMatchObject(moved);
    expect(await adopt(3, 'east')).toMatchObject(moved);
    await expect(openEpoch(lease)).rejects.toEqual(refusal('epoch-moved'));
    await subject().restart();
    expect(await subject().store.service('checkout')).toMatchObject(moved);
  });
}
