import { expect, test } from 'vitest';
import { begin, leaseMs, recordOf, refusal, type StoreUnderTest } from './conformance-subject.ts';
import { maxLossBytes, maxLossesPerCall } from './limits.ts';
import type { Loss } from './shapes.ts';

const service = 'checkout';

const lossAt = (runId: string, position: number, number: number, text = 'a cup'): Loss => {
  const commitPosition = `00000001/${position.toString(16).toUpperCase().padStart(16, '0')}`;
  return {
    id: `1/${commitPosition}#${number}`,
    runId,
    transaction: `74${position}`,
    commitPosition,
    commitWallMs: 1_767_225_600_000,
    table: 'public.orders',
    operation: 'update',
    key: { id: '17' },
    before: null,
    after: { id: '17', item: text, note: null },
    acknowledged: 'unknown',
    resolution: null,
  };
};

/** The tests for the ledger of lost writes that every store must pass. */
export function ledgerConformance(subject: () => StoreUnderTest): void {
  const beginRun = () => subject().store.beginRun(begin);
  const idsOf = async (filter: { runId?: string; after?: string; limit?: number } = {}) =>
    (await subject().store.losses({ service, limit: maxLossesPerCall, ...filter })).map(
      ({ id }) => id,
    );

  test('lost writes read back in commit order, each once, page by page, also after a restart', async () => {
    const run = await beginRun();
    const losses = [2, 10, 1].map((number) => lossAt(run.runId, 7, number));
    const early = lossAt(run.runId, 3, 1);
    await subject().store.addLosses({ service, ...run, losses });
    const twice = { ...early, after: { id: 'other' } };
    await subject().store.addLosses({ service, ...run, losses: [early, ...losses, twice] });
    await subject().restart();
    const inOrder = [early, ...[1, 2, 10].map((number) => lossAt(run.runId, 7, number))];
    expect(await subject().store.losses({ service, limit: 10 })).toEqual(inOrder);
    const ids = inOrder.map(({ id }) => id);
    expect(await idsOf({ limit: 2 })).toEqual(ids.slice(0, 2));
    expect(await idsOf({ limit: 2, after: String(ids[1]) })).toEqual(ids.slice(2));
    expect(await idsOf({ after: String(ids[3]) })).toEqual([]);
    await expect(idsOf({ after: '1/none#1' })).rejects.toEqual(refusal('no-such-loss'));
  });

  test('a person resolves an entry: the last word stays, also when the entry is added again', async () => {
    const run = await beginRun();
    const losses = [lossAt(run.runId, 7, 1), lossAt(run.runId, 7, 2)];
    const already = { by: 'mallory', note: 'nothing to see', wallMs: 1 };
    await subject().store.addLosses({
      service,
      ...run,
      losses: losses.map((loss) => ({ ...loss, resolution: already })),
    });
    const count = (runId?: string) =>
      subject().store.lossCount(runId === undefined ? { service } : { service, runId });
    expect(await count()).toEqual({ total: 2, unresolved: 2 });
    const id = String(losses[0]?.id);
    await subject().store.resolveLoss({ service, id, by: 'alice', note: 'ask the customer' });
    await subject().store.resolveLoss({ service, id, by: 'alice', note: 'written again' });
    await subject().store.addLosses({ service, ...run, losses });
    await subject().restart();
    expect(await count(run.runId)).toEqual({ total: 2, unresolved: 1 });
    expect((await subject().store.losses({ service, limit: 1 }))[0]?.resolution).toEqual({
      by: 'alice',
      note: 'written again',
      wallMs: expect.any(Number),
    });
    const unknown = { service, id: '1/none#1', by: 'alice', note: '' };
    await expect(subject().store.resolveLoss(unknown)).rejects.toEqual(refusal('no-such-loss'));
  });

  test('the newest controller of an open run alone adds; for losses of this run or an earlier one', async () => {
    const run = await beginRun();
    const taken = await subject().store.takeRun({
      runId: run.runId,
      owner: 'bob',
      leaseMs,
      force: true,
    });
    const add = (lease: typeof run, losses: readonly Loss[]) =>
      subject().store.addLosses({ service, ...lease, losses });
    const loss = lossAt(run.runId, 7, 1);
    await expect(add(run, [loss])).rejects.toEqual(refusal('run-lost'));
    await add(taken, [loss]);
    await subject().store.append({
      ...taken,
      records: [recordOf(taken, 1, { type: 'ended', status: 'failed', reason: 'east is gone' })],
    });
    await expect(add(taken, [loss])).rejects.toEqual(refusal('run-ended'));
    const later = await beginRun();
    await add(later, [lossAt(run.runId, 8, 1), lossAt(later.runId, 9, 1)]);
    await expect(add(later, [lossAt('run_none', 9, 2)])).rejects.toEqual(refusal('no-such-run'));
    expect(await idsOf({ runId: run.runId })).toEqual(
      [lossAt(run.runId, 7, 1), lossAt(run.runId, 8, 1)].map(({ id }) => id),
    );
    expect(await subject().store.lossCount({ service, runId: later.runId })).toEqual({
      total: 1,
      unresolved: 1,
    });
  });

  test('many and large entries go in chunks and come in pages; a too large one is refused whole', async () => {
    const run = await beginRun();
    const large = 'x'.repeat(maxLossBytes / 2);
    const losses = Array.from({ length: maxLossesPerCall + 20 }, (_, index) =>
      lossAt(run.runId, 7, index, index < 20 ? large : 'a cup'),
    );
    // Seven of the large ones are just below the most bytes of one call.
    for (const [from, to] of [
      [0, 7],
      [7, 14],
      [14, 20],
      [20, losses.length],
    ]) {
      await subject().store.addLosses({ service, ...run, losses: losses.slice(from, to) });
    }
    const read: string[] = [];
    for (let page = await idsOf(); page.length > 0; ) {
      read.push(...page);
      page = await idsOf({ after: String(page.at(-1)) });
    }
    expect(read).toEqual(losses.map(({ id }) => id));
    const add = (loss: Loss) =>
      subject().store.addLosses({
        service,
        ...run,
        losses: [lossAt(run.runId, 8, 1), loss],
      });
    await expect(add(lossAt(run.runId, 8, 2, 'x'.repeat(maxLossBytes)))).rejects.toEqual(
      refusal('record-too-large'),
    );
    await expect(add({ ...lossAt(run.runId, 8, 2), id: 'no number' })).rejects.toEqual(
      refusal('bad-request'),
    );
    expect(await idsOf({ after: String(read.at(-1)) })).toEqual([]);
  });
}
