import { expect, test } from 'vitest';
import { salvaged } from './outcomes.ts';

const read = (evidence: object) =>
  salvaged.of({ outcomes: new Map([['salvage', { ...evidence }]]) });

test.each([
  [{ rows: 0, transactions: 0, blindTables: [], complete: true }, { rows: 0 }],
  [{ rows: 3, transactions: 1 }, { rows: 3 }],
  [{ notNeeded: 'it follows already' }, { notNeeded: 'it follows already' }],
])('what the salvage left is read: %j', (evidence, found) => {
  expect(read(evidence)).toEqual(found);
});
