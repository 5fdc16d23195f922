import { expect, test } from 'vitest';
import {
  begin,
  beginOf,
  leaseMs,
  recordOf,
  refusal,
  type StoreUnderTest,
} from './conformance-subject.ts';
import { driftBound, maxWriterLeaseMs } from './limits.ts';
import type { RunLease, SyncState, WriterRenewal } from './shapes.ts';

const service = 'checkout';

/** Length of each writer's lease in these tests, ms. */
const writerMs = 4_000;

/** Time from the grant of a lease to the proof that it has ended. */
const overMs = (lease: number) => lease * (1 + driftBound);

/** The tests for strict mode's leases and synchronous mode's records that every store must pass. */
export function writerConformance(subject: () => StoreUnderTest): void {
  const renew = (region: string, epoch: number, ms = writerMs): Promise<WriterRenewal> =>
    subject().store.renewWriter({ service, region, epoch, leaseMs: ms });
  const expire = (lease: RunLease) => subject().store.expireWriter({ service, ...lease });
  const restore = (lease: RunLease) => subject().store.restoreWriter({ service, ...lease });
  const take = ({ runId }: RunLease) =>
    subject().store.takeRun({ runId, owner: 'bob', leaseMs, force: true });
  const open = (lease: RunLease) =>
    subject().store.openEpoch({ service, ...lease, epoch: 2, active: 'west' });
  const end = (lease: RunLease) =>
    subject().store.append({
      ...lease,
      records: [recordOf(lease, 1, { type: 'ended', status: 'undone', reason: 'aborted' })],
    });
  const refused = (why: string, epoch: number, active: string) => ({
    kind: 'refused',
    why,
    epoch,
    active,
  });
  /** Moves the clock far past the start, so that the grants of an earlier process have ended. */
  const longAfter = () => subject().advance(2 * maxWriterLeaseMs);

  test('the active region of the newest epoch is granted the right to write, and no other', async () => {
    expect(await renew('east', 1)).toEqual({ kind: 'granted' });
    expect(await renew('west', 1)).toEqual(refused('not-active', 1, 'east'));
    expect(await renew('east', 2)).toEqual(refused('epoch-moved', 1, 'east'));
    await open(await subject().store.beginRun(begin));
    expect(await renew('east', 1)).toEqual(refused('not-active', 2, 'west'));
    expect(await renew('west', 1)).toEqual(refused('epoch-moved', 2, 'west'));
    expect(await renew('west', 2)).toEqual({ kind: 'granted' });
    await expect(renew('west', 2, maxWriterLeaseMs + 1)).rejects.toEqual(refusal('lease-too-long'));
  });

  test('a lease is over when the store has counted it and the drift bound from the last grant, not earlier', async () => {
    await longAfter();
    await renew('east', 1);
    await subject().advance(writerMs - 1_000);
    await renew('east', 1);
    const run = await subject().store.beginRun(begin);
    await subject().advance(1_000);
    const expiry = await expire(run);
    expect(expiry).toEqual({
      expiresInMs: overMs(writerMs) - 1_000,
      region: 'east',
      epoch: 1,
      leaseMs: writerMs,
      driftBound,
      waitedMs: 1_000,
    });
    await subject().advance(writerMs - 1_000);
    expect((await expire(run)).expiresInMs).toBeGreaterThan(0);
    await subject().advance(overMs(writerMs) - writerMs);
    const proof = await expire(run);
    expect(proof.expiresInMs).toBe(0);
    expect(proof.waitedMs).toBeGreaterThanOrEqual(overMs(proof.leaseMs));
  });

  test('a shorter lease after a longer one does not shorten the wait', async () => {
    await longAfter();
    await renew('east', 1, 20_000);
    await renew('east', 1, 1_000);
    const run = await subject().store.beginRun(begin);
    expect(await expire(run)).toMatchObject({ expiresInMs: overMs(20_000), leaseMs: 20_000 });
  });

  test('from the first question about expiry on nothing is granted in this epoch, also after a restart', async () => {
    await longAfter();
    await renew('east', 1);
    const run = await subject().store.beginRun(begin);
    await expire(run);
    expect(await renew('east', 1)).toEqual(refused('stopped', 1, 'east'));
    await subject().restart();
    expect(await renew('east', 1)).toEqual(refused('stopped', 1, 'east'));
    await open(run);
    expect(await renew('west', 2)).toEqual({ kind: 'granted' });
  });

  test('a store that restarted proves no expiry before the longest lease has passed since its start', async () => {
    await longAfter();
    const run = await subject().store.beginRun(begin);
    await subject().restart();
    // The process's own short lease tells nothing about earlier grants.
    await renew('east', 1, 1_000);
    expect(await expire(run)).toMatchObject({
      expiresInMs: overMs(maxWriterLeaseMs),
      leaseMs: maxWriterLeaseMs,
      waitedMs: 0,
    });
    await subject().advance(overMs(maxWriterLeaseMs) - 1);
    expect((await expire(run)).expiresInMs).toBeGreaterThan(0);
    await subject().advance(1);
    expect(await expire(run)).toMatchObject({ expiresInMs: 0 });
  });

  test('a stop is taken back for good: a late stop of the same token changes nothing, one of a newer token does', async () => {
    const run = await subject().store.beginRun(begin);
    await expire(run);
    await restore(run);
    await restore(run);
    expect(await renew('east', 1)).toEqual({ kind: 'granted' });
    await expect(expire(run)).rejects.toEqual(refusal('writer-restored'));
    await subject().restart();
    await expect(expire(run)).rejects.toEqual(refusal('writer-restored'));
    expect(await renew('east', 1)).toEqual({ kind: 'granted' });
    const taken = await take(run);
    await expire(taken);
    expect(await renew('east', 1)).toEqual(refused('stopped', 1, 'east'));
  });

  test('an old controller, a run that has ended and one of an older epoch stop and restore nothing', async () => {
    const run = await subject().store.beginRun(begin);
    const taken = await take(run);
    await expect(expire(run)).rejects.toEqual(refusal('run-lost'));
    await expire(taken);
    await expect(restore(run)).rejects.toEqual(refusal('run-lost'));
    expect(await renew('east', 1)).toEqual(refused('stopped', 1, 'east'));
    await end(taken);
    await expect(expire(taken)).rejects.toEqual(refusal('run-ended'));
    await expect(restore(taken)).rejects.toEqual(refusal('run-ended'));
    const next = await subject().store.beginRun(begin);
    await restore(next);
    expect(await renew('east', 1)).toEqual({ kind: 'granted' });
    await subject().store.adoptEpoch({ service, epoch: 2, active: 'west' });
    await expect(expire(next)).rejects.toEqual(refusal('epoch-moved'));
    await restore(next);
    expect(await renew('west', 2)).toEqual({ kind: 'granted' });
  });

  test('while the writer is stopped nothing is written down that lets its commits go ahead of the standby', async () => {
    const told = (inSync: boolean) =>
      subject().store.recordSync({
        ...{ service, region: 'east', epoch: 1, inSync, wallMs: 1_767_225_600_000 },
        position: `00000001/000000000000000${inSync ? 3 : 5}`,
      });
    const run = await subject().store.beginRun(begin);
    await expire(run);
    await told(true);
    await expect(told(false)).rejects.toEqual(refusal('writer-stopped'));
    await subject().restart();
    await expect(told(false)).rejects.toEqual(refusal('writer-stopped'));
    expect((await subject().store.service(service)).sync).toMatchObject({ inSync: true });
    await restore(run);
    await told(false);
    expect((await subject().store.service(service)).sync).toMatchObject({ inSync: false });
  });

  test('a run of another service does not speak for this one', async () => {
    const { store } = subject();
    await store.registerService({ name: 'search', regions: ['east', 'west'], active: 'east' });
    const other = await store.beginRun(beginOf({ service: 'search' }));
    await expect(expire(other)).rejects.toEqual(refusal('no-such-run'));
    expect(await renew('east', 1)).toEqual({ kind: 'granted' });
  });

  test('"not in sync" always counts; "in sync" only from beyond the position at which it was lost', async () => {
    const at = (position: number, inSync: boolean): SyncState => ({
      epoch: 1,
      inSync,
      position: `00000001/000000000000000${position}`,
      wallMs: 1_767_225_600_000,
    });
    const tell = async (state: SyncState, region = 'east') => {
      await subject().store.recordSync({ service, region, ...state });
      return (await subject().store.service(service)).sync;
    };
    expect(await tell(at(3, true))).toEqual(at(3, true));
    expect(await tell(at(5, false))).toEqual(at(5, false));
    expect(await tell(at(3, true))).toEqual(at(5, false));
    const lost = { ...at(5, false), until: at(7, false).position };
    expect(await tell(at(7, false))).toEqual(lost);
    expect(await tell(at(6, false))).toEqual(lost);
    // One that was on its way when commits stopped waiting again.
    expect(await tell(at(6, true))).toEqual(lost);
    expect(await tell(at(4, false))).toEqual({ ...lost, ...at(4, false) });
    expect(await tell(at(7, true))).toEqual({ ...lost, ...at(4, false) });
    expect(await tell(at(8, true))).toEqual(at(8, true));
    expect(await tell(at(6, false))).toEqual(at(6, false));
    await subject().restart();
    expect((await subject().store.service(service)).sync).toEqual(at(6, false));
    await expect(tell(at(9, true), 'west')).rejects.toEqual(refusal('epoch-moved'));
    await expect(tell({ ...at(9, true), epoch: 2 })).rejects.toEqual(refusal('epoch-moved'));
    expect(await open(await subject().store.beginRun(begin))).toMatchObject({ sync: null });
    await expect(tell(at(9, true))).rejects.toEqual(refusal('epoch-moved'));
  });
}
