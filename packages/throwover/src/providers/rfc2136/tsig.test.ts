import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { seededRandom } from '../../kernel/kernel.ts';
import { wireName } from '../../traffic/traffic.ts';
import { sign, type TsigKey, verify } from './tsig.ts';
import { encodeUpdate } from './update.ts';
import { tsigOffset } from './wire.ts';

const key: TsigKey = {
  name: 'key.example.test',
  algorithm: 'hmac-sha256',
  secret: Buffer.alloc(32, 7),
};
const wallMs = 1_767_225_600_000;

/** A signed update; rfc2136.dns.test.ts shows how real servers answer it. */
const signed = () =>
  sign(
    encodeUpdate({
      id: 4711,
      zone: 'example.test',
      requires: [{ is: 'absent', name: 'a.example.test', type: 'TXT' }],
      changes: [
        { do: 'add', name: 'a.example.test', type: 'A', ttlSeconds: 60, values: ['192.0.2.1'] },
      ],
    }),
    key,
    wallMs,
  );

test('the signature is the last record, and is counted', () => {
  const { message } = signed();
  expect(message.readUInt16BE(10)).toBe(1);
  expect(tsigOffset(message)?.end).toBe(message.length);
});

/**
 * An answer signed as RFC 8945 (5.3) requires: over the request's MAC, the message, and the
 * variables.
 */
function answer() {
  const { message, mac: requestMac } = signed();
  const at = tsigOffset(message);
  if (at === null) throw new Error('not signed');
  const plain = Buffer.from(message.subarray(0, at.start));
  plain.writeUInt16BE(0, 10);
  const algorithm = wireName(key.algorithm);
  const timeAt = at.rdata + algorithm.length;
  const macAt = timeAt + 10;
  const hmac = createHmac('sha256', key.secret)
    .update(Buffer.from([0, requestMac.length]))
    .update(requestMac)
    .update(plain)
    .update(wireName(key.name))
    .update(Buffer.from([0, 255, 0, 0, 0, 0]))
    .update(algorithm)
    .update(message.subarray(timeAt, timeAt + 8))
    .update(Buffer.alloc(4))
    .digest();
  hmac.copy(message, macAt);
  return { message, requestMac, covered: at.start, macAt, macEnd: macAt + hmac.length };
}

test('an answer is verified, and not that of another request, another key or another hour', () => {
  const { message, requestMac: mac } = answer();
  expect(verify(message, { key, mac, wallMs })).toEqual({ state: 'verified' });
  const other = { ...key, secret: Buffer.alloc(32, 8) };
  const anotherMac = Buffer.alloc(32);
  expect(verify(message, { key: other, mac, wallMs }).state).toBe('forged');
  expect(verify(message, { key, mac: anotherMac, wallMs }).state).toBe('forged');
  expect(verify(message, { key, mac, wallMs: wallMs + 301_000 }).state).toBe('forged');
});

test('no damage to what a signature covers is believed, and none throws', () => {
  const { message, requestMac: mac, covered, macAt, macEnd } = answer();
  const random = seededRandom(5);
  for (let round = 0; round < 20_000; round += 1) {
    const damaged = Buffer.from(message);
    // The id is not covered: it is compared with the question's.
    const at =
      round % 2 === 0 ? 2 + random.integer(covered - 2) : macAt + random.integer(macEnd - macAt);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << random.integer(8));
    expect(verify(damaged, { key, mac, wallMs }).state).not.toBe('verified');
    const cut = damaged.subarray(0, random.integer(damaged.length));
    expect(verify(cut, { key, mac, wallMs }).state).toBe('forged');
  }
});

test('names are lower case, and bounded', () => {
  expect(wireName('A.Example.').toString('latin1')).toBe('\u0001a\u0007example\u0000');
  expect(() => wireName(`${'a'.repeat(64)}.test`)).toThrow(RangeError);
  expect(() => wireName(Array(130).fill('a').join('.'))).toThrow(RangeError);
});
