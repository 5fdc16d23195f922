import { expect, test } from 'vitest';
import type { ClientRecord, OwnRead } from '../clients/own-reads.ts';
import { judge, type Shown } from './judge.ts';

const request = {
  type: 'request',
  client: 'client-1',
  sentMs: 1,
  endMs: 2,
  error: null,
  region: 'east',
  entry: 'east',
  forwarded: false,
  reused: false,
  resolver: 'honest',
} as const;

const write = (key: string, more: Partial<ClientRecord> = {}): ClientRecord => ({
  ...request,
  ...{ kind: 'write', key, status: 201, ok: true, stale: false, token: `t1.${key}` },
  ...more,
});

const read = (key: string, outcome: OwnRead['outcome'], carried = true): ClientRecord => ({
  ...request,
  ...{ kind: 'read', key, status: 200, ok: outcome === 'fresh', stale: outcome === 'stale' },
  own: { carried, path: 'home', outcome, seen: null, sinceMs: 10 },
});

const shown = (key: string, said: Shown['said'], at: Shown['at'] = 'door'): Shown => ({
  key,
  said,
  at,
});

const failover = {
  planned: false,
  records: [
    write('kept'),
    write('gone'),
    read('kept', 'fresh'),
    read('kept', 'stale', false),
    read('gone', 'stale', false),
    read('gone', 'lost'),
    read('kept', 'not-yet'),
  ],
  shown: [shown('kept', 'survived'), shown('gone', 'lost'), shown('gone', 'lost', 'home')],
  survivors: new Set(['kept']),
};

test('a failover in which every loss was said and nothing else is clean', () => {
  const { figures, violations } = judge(failover);
  expect(violations).toEqual([]);
  expect(figures).toMatchObject({ writes: 2, lost: 1, lostSaid: 1, lostWrongly: 0, shown: 3 });
  expect(figures.withToken).toMatchObject({ fresh: 1, stale: 0, lost: 1, 'not-yet': 1 });
  expect(figures.withoutToken).toMatchObject({ fresh: 0, stale: 2, silentLoss: 1 });
});

test.each([
  [
    'a stale read with a token',
    { records: [...failover.records, read('kept', 'stale')] },
    '1 reads with a token were stale',
  ],
  [
    'a live `lost` about a survivor',
    { records: [...failover.records, read('kept', 'lost')] },
    '1 answers said that a write is lost which survived',
  ],
  [
    'a shown `lost` about a survivor',
    { shown: [...failover.shown, shown('kept', 'lost', 'home')] },
    '1 answers said that a write is lost which survived',
  ],
  [
    'a lost write whose token is satisfied at one place',
    { shown: [...failover.shown, shown('gone', 'survived', 'home')] },
    '1 tokens of lost writes were not told so',
  ],
  [
    'a lost write that is only not there',
    { shown: [shown('kept', 'survived'), shown('gone', 'not-there')] },
    '1 tokens of lost writes were not told so',
  ],
  [
    'a lost write of an earlier round that is not said any more',
    { shown: [...failover.shown, shown('long gone', 'undecided')] },
    '1 tokens of lost writes were not told so',
  ],
  [
    'a lost write whose token was never shown',
    { shown: [shown('kept', 'survived')] },
    '1 lost writes were not said to be lost',
  ],
  [
    'a survivor about which nothing is said in the end',
    { shown: [...failover.shown, shown('kept', 'undecided', 'home')] },
    '1 tokens of writes that survived were not satisfied in the end',
  ],
  [
    'a planned switch that lost a write',
    { planned: true },
    '1 acknowledged writes were lost by a planned switch',
  ],
  [
    'an acknowledgement without a token',
    { records: [...failover.records, { ...write('kept'), token: '' }] },
    '1 acknowledgements had no token',
  ],
])('%s is a violation', (_, changed, violation) => {
  expect(judge({ ...failover, ...changed }).violations).toContain(violation);
});
