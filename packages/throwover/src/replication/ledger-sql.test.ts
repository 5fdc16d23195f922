import { describe, expect, it } from 'vitest';
import type { Loss } from '../store/shapes.ts';
import { ledgerSql } from './ledger-sql.ts';

const loss = (part: Partial<Loss>): Loss => ({
  id: '00000001/0000000000000010#1',
  runId: 'run-1',
  transaction: '771',
  commitPosition: '00000001/0000000000000010',
  commitWallMs: null,
  table: 'public.orders',
  operation: 'insert',
  key: { key: 'a' },
  before: null,
  after: { key: "a'b\nDROP TABLE orders; --", amount: null },
  acknowledged: 'unknown',
  resolution: null,
  ...part,
});

const statements = (sql: string) =>
  sql.split('\n').filter((line) => line !== '' && !line.startsWith('--'));

describe('the ledger as SQL', () => {
  it('quotes what an application may have written', () => {
    expect(ledgerSql([loss({})])).toContain(
      `INSERT INTO public.orders ("key", "amount") OVERRIDING SYSTEM VALUE VALUES ('a''b\nDROP TABLE orders; --', NULL) ON CONFLICT DO NOTHING;`,
    );
  });

  it('leaves to a person what could take back a newer write', () => {
    const sql = ledgerSql([
      loss({ operation: 'update', after: { status: 'x\nDELETE FROM orders;' } }),
      loss({ operation: 'delete', before: { key: 'a' }, after: null }),
      loss({ operation: 'truncate', key: null, after: null }),
      loss({ resolution: { by: 'ana', note: 'done\nby hand', wallMs: 0 }, after: { key: 'b' } }),
    ]);
    expect(statements(sql)).toEqual(['BEGIN;', 'COMMIT;']);
    expect(sql).toContain('-- DELETE FROM public.orders WHERE "key" = \'a\';');
  });
});
