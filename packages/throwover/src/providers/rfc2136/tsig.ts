import { createHmac, timingSafeEqual } from 'node:crypto';
import { wireName } from '../../traffic/traffic.ts';
import { tsigOffset } from './wire.ts';

/**
 * Transaction signatures (RFC 8945): a message and its answer contain a MAC made with a shared
 * secret. Only the part that dns-packet lacks and throwover needs: HMAC-SHA256 and HMAC-SHA512, one
 * message, one answer.
 */
export interface TsigKey {
  /** The key's name on the server: `throwover.example.com`. */
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Buffer;
}

export const tsigAlgorithms = ['hmac-sha256', 'hmac-sha512'] as const;
export type TsigAlgorithm = (typeof tsigAlgorithms)[number];

/** Largest difference of two clocks, s: the recommendation of RFC 8945. */
const fudgeSeconds = 300;

const tsigType = 250;
const classAny = 255;

/** The numbers of RFC 8945, section 3, as text. */
export const tsigErrors: Readonly<Record<number, string>> = {
  16: 'BADSIG: the server has another secret for this key',
  17: 'BADKEY: the server has no key of this name and algorithm',
  18: 'BADTIME: the clocks are more than 300 s apart',
  22: 'BADTRUNC: the server wants a longer signature',
};

/**
 * Returns `message` with a TSIG record at its end, and the MAC that the answer's signature covers.
 */
export function sign(message: Buffer, key: TsigKey, wallMs: number) {
  const time = uint48(Math.floor(wallMs / 1_000));
  const mac = macOf(key, [message, variables(key, { time, fudge: fudgeSeconds })]);
  const id = message.readUInt16BE(0);
  const rdata = Buffer.concat([
    wireName(key.algorithm),
    time,
    uint16(fudgeSeconds, mac.length),
    mac,
    uint16(id, 0, 0),
  ]);
  const record = Buffer.concat([
    wireName(key.name),
    uint16(tsigType, classAny, 0, 0, rdata.length),
    rdata,
  ]);
  const signed = Buffer.concat([message, record]);
  signed.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
  return { message: signed, mac };
}

export type Verdict =
  | { readonly state: 'verified' }
  /** The server refused our signature, with its reason; such an answer is not signed itself. */
  | { readonly state: 'refused'; readonly error: number }
  | { readonly state: 'forged'; readonly why: string };

/** Decides whether a server with the key made `answer` to the request with this MAC. */
export function verify(
  answer: Buffer,
  { key, mac, wallMs }: { key: TsigKey; mac: Buffer; wallMs: number },
): Verdict {
  const at = tsigOffset(answer);
  if (at === null) return { state: 'forged', why: 'the answer carries no signature' };
  const told = readTsig(answer, at);
  if (told === null) return { state: 'forged', why: 'the signature is cut short' };
  const plain = Buffer.from(answer.subarray(0, at.start));
  plain.writeUInt16BE(told.id, 0);
  plain.writeUInt16BE(answer.readUInt16BE(10) - 1, 10);
  const expected = macOf(key, [
    uint16(mac.length),
    mac,
    plain,
    variables(key, { time: told.time, fudge: told.fudge, error: told.error, other: told.other }),
  ]);
  if (told.mac.length !== expected.length || !timingSafeEqual(told.mac, expected)) {
    // BADSIG and BADKEY come without a MAC, because there is no key that both sides have.
    const unsigned = told.mac.length === 0 && (told.error === 16 || told.error === 17);
    return unsigned
      ? { state: 'refused', error: told.error }
      : { state: 'forged', why: 'the signature is wrong' };
  }
  if (told.error !== 0) return { state: 'refused', error: told.error };
  const apart = Math.abs(wallMs / 1_000 - told.time.readUIntBE(0, 6));
  if (apart > told.fudge)
    return { state: 'forged', why: `the signature is ${apart.toFixed(0)} s old` };
  return { state: 'verified' };
}

function readTsig(answer: Buffer, { rdata, end }: { rdata: number; end: number }) {
  let at = rdata;
  while (at < end && answer[at] !== 0) at += (answer[at] ?? 0) + 1;
  at += 1;
  if (at + 10 > end) return null;
  const time = answer.subarray(at, at + 6);
  const fudge = answer.readUInt16BE(at + 6);
  const size = answer.readUInt16BE(at + 8);
  at += 10;
  if (at + size + 6 > end) return null;
  const mac = answer.subarray(at, at + size);
  at += size;
  const otherSize = answer.readUInt16BE(at + 4);
  if (at + 6 + otherSize > end) return null;
  return {
    time,
    fudge,
    mac,
    id: answer.readUInt16BE(at),
    error: answer.readUInt16BE(at + 2),
    other: answer.subarray(at + 6, at + 6 + otherSize),
  };
}

function variables(
  key: TsigKey,
  told: { time: Buffer; fudge: number; error?: number; other?: Buffer },
): Buffer {
  const { time, fudge, error = 0, other = Buffer.alloc(0) } = told;
  return Buffer.concat([
    wireName(key.name),
    uint16(classAny, 0, 0),
    wireName(key.algorithm),
    time,
    uint16(fudge, error, other.length),
    other,
  ]);
}

function macOf(key: TsigKey, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac(key.algorithm.slice('hmac-'.length), key.secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

function uint16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

function uint48(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}
