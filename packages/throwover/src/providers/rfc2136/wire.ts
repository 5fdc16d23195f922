/**
 * Finds in a DNS message what dns-packet does not: the place of the last record. Offsets are
 * checked; a message that is cut short gives `null`.
 */

const headerBytes = 12;

/**
 * Returns the place of a message's TSIG record, which is always the last one; `null` if there is
 * none.
 */
export function tsigOffset(message: Buffer): { start: number; rdata: number; end: number } | null {
  if (message.length < headerBytes) return null;
  let at: number | null = headerBytes;
  for (let left = message.readUInt16BE(4); left > 0; left -= 1) {
    at = afterName(message, at);
    if (at === null) return null;
    at += 4;
  }
  let left = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  for (; left > 0; left -= 1) {
    const start: number = at;
    const fixed = afterName(message, start);
    if (fixed === null || fixed + 10 > message.length) return null;
    const rdata = fixed + 10;
    const end = rdata + message.readUInt16BE(fixed + 8);
    if (end > message.length) return null;
    if (left === 1 && message.readUInt16BE(fixed) === 250) return { start, rdata, end };
    at = end;
  }
  return null;
}

function afterName(message: Buffer, start: number): number | null {
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined) return null;
    if (length === 0) return at + 1;
    if ((length & 0xc0) === 0xc0) return at + 2;
    at += length + 1;
  }
}
