/**
 * Parses a DNS query from an untrusted sender; decides the error code for a bad one.
 *
 * Parsed by hand because the answer repeats the question's bytes, including the case of letters
 * (resolvers check it), and points into them: without that compression an answer is more than 1.5
 * times its question.
 */

export const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
export type Rcode = keyof typeof rcodes;

export const headerBytes = 12;
const maxNameBytes = 255;
const optType = 41;
const internetClass = 1;

export interface Query {
  readonly message: Buffer;
  /** End of the question in `message`; the end of the header if the question cannot be read. */
  readonly questionEnd: number;
  /** In wire form and lower case. */
  readonly name: Buffer;
  readonly type: number;
  readonly edns: Edns | null;
}

export interface Edns {
  readonly payloadBytes: number;
  /** DNSSEC OK: copied into the answer (RFC 3225). */
  readonly dnssecOk: boolean;
}

export type Parsed =
  | { readonly outcome: 'query'; readonly query: Query }
  | { readonly outcome: 'refused'; readonly rcode: Rcode; readonly query: Query }
  /**
   * An answer, or no DNS message at all: to answer it could make two servers send to each other
   * endlessly.
   */
  | { readonly outcome: 'drop' };

export function parseQuery(message: Buffer): Parsed {
  if (message.length < headerBytes) return { outcome: 'drop' };
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return { outcome: 'drop' };
  const bare: Query = {
    message,
    questionEnd: headerBytes,
    name: Buffer.alloc(0),
    type: 0,
    edns: null,
  };
  const refused = (rcode: Rcode, query: Query = bare): Parsed => ({
    outcome: 'refused',
    rcode,
    query,
  });
  if ((flags & 0x7800) !== 0) return refused('NOTIMP');
  const recordsBefore = message.readUInt16BE(6) + message.readUInt16BE(8);
  if (message.readUInt16BE(4) !== 1 || recordsBefore !== 0) return refused('FORMERR');
  const nameEnd = endOfName(message, headerBytes, false);
  if (nameEnd === null || nameEnd + 4 > message.length) return refused('FORMERR');
  const type = message.readUInt16BE(nameEnd);
  const name = lowerCase(message.subarray(headerBytes, nameEnd));
  const asked: Query = { message, questionEnd: nameEnd + 4, name, type, edns: null };
  const extra = readAdditionals(message, asked.questionEnd, message.readUInt16BE(10));
  if (extra === 'wrong') return refused('FORMERR', asked);
  const query: Query = { ...asked, edns: extra };
  if (extra !== null && extra.version !== 0) return refused('BADVERS', query);
  if (message.readUInt16BE(nameEnd + 2) !== internetClass) return refused('REFUSED', query);
  return { outcome: 'query', query };
}

/**
 * Reads the records after the question: at most one OPT. All others are skipped (for example TSIG).
 */
function readAdditionals(
  message: Buffer,
  from: number,
  count: number,
): (Edns & { readonly version: number }) | null | 'wrong' {
  let found: (Edns & { readonly version: number }) | null = null;
  let offset = from;
  for (let index = 0; index < count; index += 1) {
    const nameEnd = endOfName(message, offset, true);
    if (nameEnd === null || nameEnd + 10 > message.length) return 'wrong';
    const end = nameEnd + 10 + message.readUInt16BE(nameEnd + 8);
    if (end > message.length) return 'wrong';
    if (message.readUInt16BE(nameEnd) === optType) {
      // RFC 6891: one OPT, with the root as its name.
      if (found !== null || nameEnd !== offset + 1) return 'wrong';
      found = {
        payloadBytes: message.readUInt16BE(nameEnd + 2),
        version: message[nameEnd + 5] ?? 0,
        dnssecOk: ((message[nameEnd + 6] ?? 0) & 0x80) !== 0,
      };
    }
    offset = end;
  }
  return found;
}

/**
 * Returns the end of a name; `null` if it is not one. A pointer ends the name and is not followed,
 * so there can be no loop.
 */
function endOfName(message: Buffer, from: number, pointers: boolean): number | null {
  let offset = from;
  while (offset < message.length && offset - from < maxNameBytes) {
    const length = message[offset] ?? 0;
    if (length === 0) return offset + 1;
    if (length >= 0xc0) return pointers && offset + 2 <= message.length ? offset + 2 : null;
    if (length > 63) return null;
    offset += 1 + length;
  }
  return null;
}

/**
 * Lowers only letters. A length byte is below 64, so the length bytes of labels stay as they are.
 */
function lowerCase(name: Buffer): Buffer {
  const lower = Buffer.from(name);
  let offset = 0;
  while (offset < lower.length) {
    const end = offset + 1 + (lower[offset] ?? 0);
    for (let index = offset + 1; index < end && index < lower.length; index += 1) {
      const byte = lower[index] ?? 0;
      if (byte >= 0x41 && byte <= 0x5a) lower[index] = byte + 0x20;
    }
    offset = end;
  }
  return lower;
}
