import { describe, expect, it } from 'vitest';
import { parseDecoded } from './test-decoding.ts';

describe('what test_decoding prints', () => {
  it('reads begin and commit, with and without a time', () => {
    expect(parseDecoded('BEGIN 771')).toEqual({ kind: 'begin', xid: '771' });
    expect(parseDecoded('COMMIT 771 (at 2026-11-23 05:00:00.123456+00)')).toEqual({
      kind: 'commit',
      xid: '771',
      atText: '2026-11-23 05:00:00.123456+00',
    });
    expect(parseDecoded('COMMIT 771')).toEqual({ kind: 'commit', xid: '771', atText: null });
  });

  it('reads values that hold quotes, line breaks and the words of the format itself', () => {
    const hostile = "table public.x: INSERT: id[integer]:1 'a''b'\n new-tuple: \\ [y]:null";
    const line = `table public.orders: INSERT: id[bigint]:7 note[text]:'${hostile.replaceAll("'", "''")}' ok[boolean]:true gone[text]:null`;
    expect(parseDecoded(line)).toEqual({
      kind: 'change',
      table: 'public.orders',
      operation: 'insert',
      before: null,
      after: { id: '7', note: hostile, ok: 'true', gone: null },
      unchanged: [],
    });
  });

  it("tells the text 'null' from null", () => {
    expect(parseDecoded("table public.t: INSERT: a[text]:'null' b[text]:null")).toMatchObject({
      after: { a: 'null', b: null },
    });
  });

  it('reads quoted names, array types and types with brackets in their names', () => {
    const line = `table "Odd schema"."ta""ble.x": UPDATE: old-key: "the: key"[integer]:1 new-tuple: "the: key"[integer]:2 tags[text[]]:'{a,"b ]"}' m["odd[]type"]:'x' bits[bit varying]:B'101' at[timestamp with time zone]:'2026-01-01 00:00:00+00'`;
    expect(parseDecoded(line)).toEqual({
      kind: 'change',
      table: '"Odd schema"."ta""ble.x"',
      operation: 'update',
      before: { 'the: key': '1' },
      after: {
        'the: key': '2',
        tags: '{a,"b ]"}',
        m: 'x',
        bits: '101',
        at: '2026-01-01 00:00:00+00',
      },
      unchanged: [],
    });
  });

  it('leaves out what did not change and names it', () => {
    expect(
      parseDecoded('table public.t: UPDATE: id[integer]:1 big[text]:unchanged-toast-datum'),
    ).toMatchObject({ after: { id: '1' }, unchanged: ['big'] });
  });

  it('reads a delete by its key, and one without any', () => {
    expect(parseDecoded('table public.t: DELETE: id[integer]:-3')).toMatchObject({
      operation: 'delete',
      before: { id: '-3' },
      after: null,
    });
    expect(parseDecoded('table public.t: DELETE: (no-tuple-data)')).toMatchObject({ before: null });
  });

  it('reads a truncate of several tables, and messages whatever they hold', () => {
    expect(parseDecoded('table public.a, public.b: TRUNCATE: restart_seqs cascade')).toEqual({
      kind: 'truncate',
      tables: ['public.a', 'public.b'],
    });
    const content = 'x, sz: 3 content:abc';
    expect(
      parseDecoded(
        `message: transactional: 1 prefix: a, sz: 1, sz: ${content.length} content:${content}`,
      ),
    ).toEqual({ kind: 'message', prefix: 'a, sz: 1', content });
  });

  it('refuses what it does not understand', () => {
    expect(() => parseDecoded('table public.t: MERGE: id[integer]:1')).toThrow(SyntaxError);
    expect(() => parseDecoded("table public.t: INSERT: id[text]:'open")).toThrow(SyntaxError);
    expect(() => parseDecoded('opening a streamed block for transaction')).toThrow(SyntaxError);
  });
});
