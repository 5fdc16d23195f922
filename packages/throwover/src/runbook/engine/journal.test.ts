import { expect, test } from 'vitest';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import type { Store } from '../../store/port.ts';
import type { JournalEvent } from '../../store/shapes.ts';
import { Journal, JournalFailure } from './journal.ts';
import { Progress } from './progress.ts';

type Append = Parameters<Store['append']>[0];

/** A journal over a store whose appends end when the test ends them. */
function open() {
  const appends: { input: Append; end: (error?: Error) => void }[] = [];
  const failures: JournalFailure[] = [];
  const clock = createVirtualClock();
  const store = {
    append: (input: Append) =>
      new Promise<void>((resolve, reject) => {
        appends.push({ input, end: (error) => (error ? reject(error) : resolve()) });
      }),
  };
  const journal = new Journal({
    store,
    clock,
    lease: { runId: 'run_1', token: 7, leaseMs: 1_000 },
    progress: new Progress([]),
    lastSeq: 0,
    mustHold: () => {},
    onFailure: (failure) => failures.push(failure),
  });
  const seqs = () => appends.map(({ input }) => input.records.map(({ seq }) => seq));
  return { journal, appends, clock, failures, seqs };
}

const intent = (step: string): JournalEvent => ({ type: 'intent', step, observed: {} });
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test('what becomes due while an append is on its way is the next append, at most four records of it', async () => {
  const { journal, appends, seqs } = open();
  const written: number[] = [];
  for (const [index, step] of ['a', 'b', 'c', 'd', 'e', 'f'].entries()) {
    void journal.append(intent(step)).then(() => written.push(index + 1));
  }
  await settled();
  expect(seqs()).toEqual([[1]]);
  expect(written).toEqual([]);
  appends[0]?.end();
  await settled();
  expect(seqs()).toEqual([[1], [2, 3, 4, 5]]);
  expect(written).toEqual([1]);
  appends[1]?.end();
  await settled();
  expect(seqs()).toEqual([[1], [2, 3, 4, 5], [6]]);
  expect(written).toEqual([1, 2, 3, 4, 5]);
  appends[2]?.end();
  await settled();
  expect(written).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a record that nobody waits for goes with the one that follows at once, and alone when none does', async () => {
  const { journal, appends, clock, seqs } = open();
  journal.note(intent('catch-up'));
  await Promise.resolve();
  const promote = journal.append(intent('promote'));
  expect(seqs()).toEqual([[1, 2]]);
  appends[0]?.end();
  await promote;
  journal.note(intent('open-epoch'));
  expect(seqs()).toEqual([[1, 2]]);
  await clock.advance(20);
  expect(seqs()).toEqual([[1, 2], [3]]);
});

test('after an append that failed nothing is sent any more, and whoever waits is told, once for all', async () => {
  const { journal, appends, failures, seqs } = open();
  const waiting = [journal.append(intent('a')), journal.append(intent('b'))];
  await settled();
  appends[0]?.end(new Error('no space'));
  const ends = await Promise.allSettled(waiting);
  expect(ends.map((end) => end.status)).toEqual(['rejected', 'rejected']);
  await expect(journal.append(intent('c'))).rejects.toBeInstanceOf(JournalFailure);
  expect(seqs()).toEqual([[1]]);
  expect(failures).toHaveLength(1);
});
