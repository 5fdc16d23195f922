import { createHmac, timingSafeEqual } from 'node:crypto';
import { isPosition, type Position, timelineOf } from '../position.ts';

/** An acknowledged write: enough to say later whether a database has it, or will never have it. */
export interface Token {
  /** Timeline of the write and an upper bound of its COMMIT record. */
  readonly position: Position;
  /**
   * Transaction id of the write, 64 bits, in decimal. `null`: past a switch nobody can say whether
   * the write survived.
   */
  readonly xid: string | null;
}

/**
 * Secrets of at least 32 bytes. The first one signs, all are accepted. To rotate, put a new one in
 * front and drop the old one later.
 */
export type SigningKeys = readonly (string | Uint8Array)[];

/** Shortest key, bytes: as long as SHA-256's own output (RFC 2104, section 3). */
const minKeyBytes = 32;

/** Most keys at once: the one in use and those that are being retired. */
const maxKeys = 8;

/** Longest token that is read, characters; a token has about 95. */
const maxTokenLength = 200;

const version = 't1';

/** xid8 has 20 digits at most. */
const xidPattern = /^[1-9][0-9]{0,19}$/;

/** Why a text is not a token. `bad-signature`: signed with another key, or forged. */
export type TokenRefusal = 'malformed' | 'bad-signature';

export type ReadToken =
  | { readonly ok: true; readonly token: Token }
  | { readonly ok: false; readonly refusal: TokenRefusal };

/**
 * Returns the token as text for a header or a cookie: `t1.TIMELINE/POSITION.XID.SIGNATURE`.
 *
 * It is signed because a client could otherwise make every read wait for a position that never
 * comes. It is not secret: it shows how far the log has come.
 */
export function signToken(token: Token, keys: SigningKeys): string {
  const [key] = requireKeys(keys);
  const body = bodyOf(token);
  return `${body}.${signature(body, key).toString('base64url')}`;
}

export function readToken(text: string, keys: SigningKeys): ReadToken {
  const accepted = requireKeys(keys);
  const parts = text.length > maxTokenLength ? [] : text.split('.');
  const [form, position, xid, mac] = parts;
  const wellFormed =
    parts.length === 4 &&
    form === version &&
    isPosition(position) &&
    (xid === '-' || xidPattern.test(xid ?? ''));
  if (!wellFormed || xid === undefined || mac === undefined) {
    return { ok: false, refusal: 'malformed' };
  }
  const token: Token = { position, xid: xid === '-' ? null : xid };
  const given = Buffer.from(mac, 'base64url');
  const genuine = accepted.filter((key) => sameBytes(signature(bodyOf(token), key), given));
  return genuine.length > 0 ? { ok: true, token } : { ok: false, refusal: 'bad-signature' };
}

/** Returns the token of the later write. Where a later write survives, an earlier one does too. */
export function laterToken(one: Token, other: Token): Token {
  const [a, b] = [timelineOf(one.position), timelineOf(other.position)];
  if (a !== b) return a > b ? one : other;
  return one.position > other.position ? one : other;
}

function bodyOf({ position, xid }: Token): string {
  return `${version}.${position}.${xid ?? '-'}`;
}

function signature(body: string, key: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(`throwover-token\n${body}`).digest();
}

/** Compares in constant time; only the length, which is no secret, is compared first. */
function sameBytes(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}

function requireKeys(keys: SigningKeys): readonly [string | Uint8Array, ...SigningKeys] {
  const [first, ...others] = keys;
  if (first === undefined || keys.length > maxKeys) {
    throw new RangeError(`1 to ${maxKeys} signing keys are needed, not ${keys.length}`);
  }
  if (keys.some((key) => Buffer.byteLength(key) < minKeyBytes)) {
    throw new RangeError(`a signing key has at least ${minKeyBytes} bytes`);
  }
  return [first, ...others];
}
