import { expect, test } from 'vitest';
import { positionOf } from '../position.ts';
import { laterToken, readToken, signToken, type Token } from './token.ts';
import { endOfRecords } from './write.ts';

const old = 'an old key of at least 32 bytes!!';
const fresh = 'a new key, also of 32 bytes or more';
const token: Token = { position: positionOf(2, '16/B374D848'), xid: '18446744073709551615' };

test('a token comes back as it was, also one without an id', () => {
  expect(readToken(signToken(token, [fresh]), [fresh])).toEqual({ ok: true, token });
  const bare = { ...token, xid: null };
  expect(readToken(signToken(bare, [fresh]), [fresh])).toEqual({ ok: true, token: bare });
});

test('keys are rotated: the first one signs, each one is accepted, and one that is gone is not', () => {
  const before = signToken(token, [old]);
  expect(readToken(before, [fresh, old]).ok).toBe(true);
  expect(signToken(token, [fresh, old])).toBe(signToken(token, [fresh]));
  expect(readToken(before, [fresh])).toEqual({ ok: false, refusal: 'bad-signature' });
});

test('no character of a token can be changed', () => {
  const text = signToken(token, [fresh]);
  for (let at = 0; at < text.length - 1; at++) {
    const changed = `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`;
    expect(readToken(changed, [fresh]).ok, changed).toBe(false);
  }
});

test.each(['', 't1', 'x'.repeat(100_000), 't1.00000001/0000000000000001.01.AAAA', 't1.a.b.c.d'])(
  '%.40s is malformed',
  (text) => expect(readToken(text, [fresh])).toEqual({ ok: false, refusal: 'malformed' }),
);

test('a short key, and no key, are refused', () => {
  expect(() => signToken(token, ['secret'])).toThrow(RangeError);
  expect(() => signToken(token, [])).toThrow(RangeError);
});

test('of two tokens the later timeline counts, then the later position', () => {
  const at = (timeline: number, lsn: string): Token => ({
    position: positionOf(timeline, lsn),
    xid: '1',
  });
  expect(laterToken(at(1, '9/0'), at(2, '1/0'))).toEqual(at(2, '1/0'));
  expect(laterToken(at(2, '1/0'), at(2, '0/FF'))).toEqual(at(2, '1/0'));
});

test.each([
  ['0/2018', '0/2000'], // a page of 8192 bytes begins: its header is not written yet
  ['0/2028', '0/2028'], // 40 bytes into a page that begins no file
  ['0/400028', '0/400000'], // a file of 4 MB begins
  ['0/400018', '0/400018'], // inside its header: never given
  ['0/2000', '0/2000'],
  ['1/FFFFE018', '1/FFFFE000'],
])('the last record before %s ends at %s', (lsn, end) => {
  expect(endOfRecords({ lsn, blockBytes: 8_192, segmentBytes: '4194304' })).toBe(end);
});
