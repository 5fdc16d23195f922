import type { RequestRecord, WebhookRecord } from 'throwover';
import { describe, expect, it } from 'vitest';
import { judge, type RoundFacts } from './oracle.ts';

const write = (key: string, endMs: number, region = 'east', ok = true): RequestRecord => ({
  type: 'request',
  client: 'client-1',
  kind: 'write',
  key,
  sentMs: endMs - 10,
  endMs,
  status: ok ? 201 : 503,
  error: null,
  region,
  entry: region,
  forwarded: false,
  reused: false,
  resolver: 'honest',
  ok,
  stale: false,
});
const order = (key: string, id: number, atMs = 0) => ({ key, id: String(id), atMs });
const webhook = (id: string): WebhookRecord => ({
  type: 'webhook',
  id,
  createdMs: 0,
  attempts: [],
  state: 'delivered',
});
const insert = (key: string) => ({
  table: 'public.orders',
  operation: 'insert',
  key: { idempotency_key: key },
});

/** A failover that lost one acknowledged write and one unacknowledged write, and reports both. */
const failover: RoundFacts = {
  planned: false,
  from: 'east',
  active: 'west',
  twoWritersAccepted: false,
  lossBoundMs: 5_000,
  faultMs: 10_000,
  approvedMs: 11_000,
  epochOpenedMs: 11_500,
  wokeMs: 15_000,
  requests: [
    write('kept', 9_000),
    write('lost', 9_900),
    write('new', 12_000, 'west'),
    write('refused', 10_500, 'east', false),
  ],
  webhooks: [webhook('evt')],
  old: { orders: [order('kept', 1), order('lost', 2), order('untold', 3)], payments: ['evt'] },
  survivors: { orders: [order('kept', 1), order('new', 40)], payments: ['evt'] },
  ledger: [insert('lost'), insert('untold')],
};

describe('the oracle', () => {
  it('finds nothing in a failover that lost within its bound and told all of it', () => {
    const { violations, figures } = judge(failover);
    expect(violations).toEqual([]);
    expect(figures).toMatchObject({
      acknowledged: 3,
      lostAcknowledged: 1,
      lostUnacknowledged: 1,
      lossMs: 100,
      faultToWriteMs: 2_000,
      approvalToWriteMs: 1_000,
      failed: 1,
      lateCommits: 0,
    });
  });

  it.each<[string, Partial<RoundFacts>, RegExp]>([
    ['a planned switch that lost a write', { planned: true }, /lost in a planned switch/],
    ['a loss beyond the bound', { lossBoundMs: 50 }, /beyond the bound/],
    [
      'a write that is nowhere',
      {
        old: { ...failover.old, orders: [order('kept', 1), order('untold', 3)], payments: ['evt'] },
      },
      /in neither database/,
    ],
    [
      'an id issued twice',
      { survivors: { orders: [order('kept', 1), order('new', 2)], payments: ['evt'] } },
      /ids issued twice/,
    ],
    [
      'a write on the old side after the new epoch',
      { requests: [...failover.requests, write('kept', 16_000)] },
      /after the new epoch was open/,
    ],
    [
      'a commit after waking',
      {
        old: {
          orders: [...(failover.old?.orders ?? []), order('late', 4, 15_100)],
          payments: ['evt'],
        },
        ledger: [...(failover.ledger ?? []), insert('late')],
      },
      /after it woke/,
    ],
    ['a lost write that the ledger misses', { ledger: [insert('lost')] }, /not in the ledger/],
    [
      'a ledger row that is not lost',
      { ledger: [...(failover.ledger ?? []), insert('kept')] },
      /are not lost/,
    ],
    [
      'a ledger row that stands twice',
      { ledger: [...(failover.ledger ?? []), insert('lost')] },
      /stand twice/,
    ],
    ['an accepted webhook without effect', { webhooks: [webhook('gone')] }, /have no effect/],
    [
      'a webhook with two effects',
      { survivors: { ...failover.survivors, payments: ['evt', 'evt'] } },
      /effect twice/,
    ],
    [
      'no write after the fault',
      { requests: failover.requests.filter(({ key }) => key !== 'new') },
      /no write was acknowledged/,
    ],
  ])('finds %s', (_what, change, expected) => {
    expect(judge({ ...failover, ...change }).violations.join('; ')).toMatch(expected);
  });

  it('takes a row for lost whose request was passed on and written again', () => {
    const passedOn = {
      orders: [...(failover.old?.orders ?? []), order('new', 5)],
      payments: ['evt'],
    };
    const told = [...(failover.ledger ?? []), insert('new')];
    expect(judge({ ...failover, old: passedOn, ledger: told }).violations).toEqual([]);
    expect(judge({ ...failover, old: passedOn }).violations.join()).toMatch(/not in the ledger/);
  });

  it('counts late commits that somebody accepted by name, with their window', () => {
    const { violations, figures } = judge({
      ...failover,
      twoWritersAccepted: true,
      old: {
        orders: [...(failover.old?.orders ?? []), order('late', 4, 15_100)],
        payments: ['evt'],
      },
      ledger: [...(failover.ledger ?? []), insert('late')],
    });
    expect(violations).toEqual([]);
    expect(figures).toMatchObject({ lateCommits: 1, lateWindowMs: 100 });
  });
});
