import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryDirectory } from './gateway.fixture.ts';
import { EventJournal } from './journal.ts';
import { Lane } from './lane.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let journal: EventJournal;

beforeEach(() => {
  directory = temporaryDirectory();
  journal = new EventJournal(directory.path, { maxBytes: 1e9 });
});
afterEach(() => {
  journal.close();
  directory.remove();
});

const source = 'stripe';
const append = (id: string) =>
  journal.append({
    ...{ source, id, contentType: null, signature: null },
    ...{ body: Buffer.from(id), receivedMs: 1 },
  });
const deliveredTo = (seq: number) =>
  journal.settle(seq, { state: 'delivered', region: 'east', epoch: 1, position: null, atMs: 2 });

/** Returns the ids of the events that the lane gives out, in order. */
function taken(lane: Lane): string[] {
  const ids: string[] = [];
  for (let next = lane.take(0, 'retry'); next !== undefined; next = lane.take(0, 'retry')) {
    ids.push(next.event.id);
  }
  return ids;
}

it.each([
  ['that has given them out before', true],
  ['that has restarted since they were delivered', false],
])('events of a loss window are given out once, with new ones, by a lane %s', async (_, before) => {
  const lane = new Lane({ source: { name: source, path: '/', signatureHeader: null }, journal });
  for (const id of ['evt_1', 'evt_2', 'evt_3']) await append(id);
  if (before) taken(lane);
  for (const seq of [1, 2, 3]) await deliveredTo(seq);

  const window = { key: 'run_1', epoch: 1, fromWallMs: 0, beyond: null };
  const { again } = await journal.redeliver(window);
  lane.putBackAll(again.map(({ seq }) => seq));
  await append('evt_4');
  lane.arrived();
  expect(taken(lane)).toEqual(['evt_1', 'evt_2', 'evt_3', 'evt_4']);
});

it('an outcome that is told twice counts once', async () => {
  await append('evt_1');
  await deliveredTo(1);
  await deliveredTo(1);
  expect(journal.totals).toEqual({ accepted: 1, delivered: 1, dead: 0, backlog: 0 });
});
