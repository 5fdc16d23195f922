import { headerBytes, type Query, type Rcode, rcodes } from './query.ts';

/**
 * Most bytes that are sent over UDP for each byte of a query, so that a query with a forged address
 * is of no use.
 */
export const maxAmplification = 1.5;

/** Limits of UDP answers, bytes: without EDNS0 (RFC 1035), and with it (DNS Flag Day 2020). */
const plainUdpBytes = 512;
const ednsUdpBytes = 1_232;
const optBytes = 11;

/** Type, class, TTL and length, which follow the name of every record. */
const recordHeadBytes = 10;

export type Transport = 'udp' | 'tcp';

/**
 * A record of the answer. Its name is the question's name or the zone's, as a pointer into the
 * question.
 */
export interface RecordOut {
  readonly owner: 'question' | 'zone';
  readonly type: number;
  readonly ttlSeconds: number;
  /** A pointer in it counts from the message's first byte. */
  readonly data: Buffer;
}

export interface Reply {
  readonly rcode: Rcode;
  readonly authoritative: boolean;
  readonly answers: readonly RecordOut[];
  readonly authorities: readonly RecordOut[];
}

export function bareReply(rcode: Rcode): Reply {
  return { rcode, authoritative: false, answers: [], authorities: [] };
}

/** Returns the offset of the zone's name in the message. */
export function zoneOffset(query: Query, zoneBytes: number): number {
  return headerBytes + query.name.length - zoneBytes;
}

/**
 * Returns the bytes of the reply. Over UDP a reply that is too large is cut to the question with
 * TC, so that an honest client uses TCP.
 */
export function encodeReply(
  query: Query,
  reply: Reply,
  options: { transport: Transport; zoneBytes: number },
) {
  const { transport, zoneBytes } = options;
  const edns = query.edns === null ? 0 : optBytes;
  const records = [...reply.answers, ...reply.authorities];
  const size = records.reduce(
    (sum, { data }) => sum + 2 + recordHeadBytes + data.length,
    query.questionEnd + edns,
  );
  const truncated = transport === 'udp' && size > udpLimit(query);
  const bytes = Buffer.allocUnsafe(truncated ? query.questionEnd + edns : size);
  query.message.copy(bytes, 0, 0, query.questionEnd);
  writeHeader(bytes, query, reply, truncated);
  let offset = query.questionEnd;
  if (!truncated) {
    for (const record of records) {
      const owner = record.owner === 'question' ? headerBytes : zoneOffset(query, zoneBytes);
      offset = writeRecord(bytes, offset, owner, record);
    }
  }
  if (query.edns !== null) writeOpt(bytes, offset, reply.rcode, query.edns.dnssecOk);
  return { bytes, truncated };
}

/** Returns the question with TC and nothing else, for a client that asks too often. */
export function slipReply(query: Query): Buffer {
  const bytes = Buffer.from(query.message.subarray(0, query.questionEnd));
  writeHeader(bytes, { ...query, edns: null }, bareReply('NOERROR'), true);
  return bytes;
}

function udpLimit({ message, edns }: Query): number {
  const fits =
    edns === null
      ? plainUdpBytes
      : Math.min(Math.max(edns.payloadBytes, plainUdpBytes), ednsUdpBytes);
  return Math.min(fits, Math.floor(message.length * maxAmplification));
}

function writeHeader(bytes: Buffer, query: Query, reply: Reply, truncated: boolean): void {
  const response = 0x8000;
  const recursionDesired = query.message.readUInt16BE(2) & 0x0100;
  const authoritative = reply.authoritative ? 0x0400 : 0;
  const cut = truncated ? 0x0200 : 0;
  bytes.writeUInt16BE(
    response | recursionDesired | authoritative | cut | (rcodes[reply.rcode] & 0xf),
    2,
  );
  bytes.writeUInt16BE(query.questionEnd > headerBytes ? 1 : 0, 4);
  bytes.writeUInt16BE(truncated ? 0 : reply.answers.length, 6);
  bytes.writeUInt16BE(truncated ? 0 : reply.authorities.length, 8);
  bytes.writeUInt16BE(query.edns === null ? 0 : 1, 10);
}

function writeRecord(bytes: Buffer, at: number, owner: number, record: RecordOut): number {
  bytes.writeUInt16BE(0xc000 | owner, at);
  bytes.writeUInt16BE(record.type, at + 2);
  bytes.writeUInt16BE(1, at + 4);
  bytes.writeUInt32BE(record.ttlSeconds, at + 6);
  bytes.writeUInt16BE(record.data.length, at + 10);
  return at + 12 + record.data.copy(bytes, at + 12);
}

function writeOpt(bytes: Buffer, at: number, rcode: Rcode, dnssecOk: boolean): void {
  bytes[at] = 0;
  bytes.writeUInt16BE(41, at + 1);
  bytes.writeUInt16BE(ednsUdpBytes, at + 3);
  bytes[at + 5] = rcodes[rcode] >> 4;
  bytes[at + 6] = 0;
  bytes.writeUInt16BE(dnssecOk ? 0x8000 : 0, at + 7);
  bytes.writeUInt16BE(0, at + 9);
}
