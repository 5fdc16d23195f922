import { describe, expect, it } from 'vitest';
import type { Unsent } from '../../authority/messages.ts';
import type { Exposure } from '../../replication/replication.ts';
import type { Plan } from '../../runbook/runbook.ts';
import { wantedText } from './confirm.ts';
import { expectedLoss, planText } from './plan-text.ts';

const atRisk: Exposure = {
  kind: 'at-risk',
  sinceWallMs: Date.UTC(2026, 0, 1, 2, 13, 5),
  atRiskMs: 12_000,
  missingBytes: 38_912,
  seenAgoMs: 11_400,
  seenBy: 'the store',
};

function plan(exposure: Exposure, change: Partial<Plan> = {}): Plan {
  return {
    version: 1,
    service: 'checkout',
    kind: 'failover',
    from: 'east',
    to: 'west',
    epoch: 3,
    steps: [],
    guards: [],
    facts: {
      exposure,
      lossBoundMs: 0,
      sequenceAdvance: { by: 120_000, arithmetic: '1000 ids/s x 12 s x 10 = 120000' },
      webhooks: [
        { region: 'east', answers: false },
        { region: 'west', answers: true, backlog: 4 },
      ],
    },
    ...change,
  };
}

describe('a failover, as it is shown', () => {
  it('says what would be lost, since when, how old that is, and how it is bounded', () => {
    const text = planText(plan(atRisk), 'd1gest');
    const flat = text.replaceAll(/\s+/g, ' ');
    expect(flat).toContain(
      'every write that east acknowledged since 02:13:05 UTC (12 s until now)',
    );
    expect(flat).toContain('11 s ago by the store, 38912 bytes were missing');
    expect(flat).toContain('The bound is 0 ms.');
    expect(flat).toContain('moved on by 120000: 1000 ids/s x 12 s x 10 = 120000');
    expect(flat).toContain("east's gateway does not answer");
    expect(flat).toContain("west's gateway holds 4 that are not delivered");
    expect(text.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
  });

  it('names rows that would be lost, where the region can still be asked', () => {
    const shown = (unsent: Unsent | null) => {
      const text = planText(plan(atRisk, { facts: { exposure: atRisk, unsent } }), 'd1gest');
      return text.split('\n').filter((line) => /Which rows|public\./.test(line));
    };
    const row = { table: 'public.orders', operation: 'insert', commitWallMs: 1 } as const;
    const rows = [
      { ...row, key: { id: '7', part: null } },
      { ...row, key: null },
    ];
    expect(shown({ state: 'read', rows, count: 40, more: true })).toEqual([
      '  Which rows: at least 40 at this moment, the first 2:',
      '    insert public.orders id=7 part=null',
      '    insert public.orders (no key)',
    ]);
    expect(shown({ state: 'read', rows: [], count: 0, more: false })).toEqual([
      '  Which rows: none at this moment.',
    ]);
    expect(shown({ state: 'unavailable', why: 'there is no slot yet' })).toEqual([
      '  Which rows: cannot be told, there is no slot yet.',
    ]);
    expect(shown(null)).toEqual(['  Which rows: east cannot be asked.']);
  });

  it('never calls an unknown loss none', () => {
    expect(expectedLoss(plan({ kind: 'unknown', why: 'nobody has seen it' }))).toBe(
      'UNKNOWN: nobody has seen it',
    );
    expect(expectedLoss(plan(atRisk, { facts: {} }))).toMatch(/^UNKNOWN/);
  });
});

describe('what is typed', () => {
  it.each<{ exposure: Exposure; overrides: string[]; wanted: string }>([
    {
      exposure: { kind: 'none', why: 'closes-first' },
      overrides: [],
      wanted: 'checkout to west',
    },
    {
      exposure: atRisk,
      overrides: ['loss-above-bound'],
      wanted: 'checkout to west, losing writes',
    },
    {
      exposure: { kind: 'unknown', why: 'x' },
      overrides: ['two-writers', 'loss-above-bound'],
      wanted: 'checkout to west, losing writes, two writers',
    },
  ])('$wanted', ({ exposure, overrides, wanted }) => {
    expect(wantedText(plan(exposure), overrides)).toBe(wanted);
  });
});
