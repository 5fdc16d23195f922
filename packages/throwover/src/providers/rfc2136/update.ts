import ipaddr from 'ipaddr.js';
import { type DnsRecord, wireName } from '../../traffic/traffic.ts';

/**
 * An UPDATE message (RFC 2136): a zone, prerequisites, changes. The server carries it out
 * completely or not at all (section 3.7).
 */
export interface Update {
  readonly id: number;
  readonly zone: string;
  readonly requires: readonly Prerequisite[];
  readonly changes: readonly UpdateChange[];
}

interface RrSet {
  readonly name: string;
  readonly type: RrType;
  /** In presentation form; TXT without quotation marks. */
  readonly values: readonly string[];
}

export type Prerequisite =
  /** The set exists with exactly these values; its TTL is not compared (section 2.4.2). */
  | ({ readonly is: 'exactly' } & RrSet)
  | { readonly is: 'absent'; readonly name: string; readonly type: RrType };

export type UpdateChange =
  | { readonly do: 'delete'; readonly name: string; readonly type: RrType }
  | ({ readonly do: 'add'; readonly ttlSeconds: number } & RrSet);

export type RrType = DnsRecord['type'] | 'TXT';

const types: Readonly<Record<RrType, number>> = { A: 1, CNAME: 5, TXT: 16, AAAA: 28 };
const classes = { in: 1, none: 254, any: 255 } as const;
const opcodeUpdate = 5 << 11;
const typeSoa = 6;

/** Longest TXT string, bytes. */
const maxStringBytes = 255;

export function encodeUpdate({ id, zone, requires, changes }: Update): Buffer {
  const prerequisites = requires.flatMap((required) =>
    required.is === 'absent'
      ? [record(required, { class: 'none', ttl: 0 }, null)]
      : required.values.map((value) => record(required, { class: 'in', ttl: 0 }, value)),
  );
  const updates = changes.flatMap((change) =>
    change.do === 'delete'
      ? [record(change, { class: 'any', ttl: 0 }, null)]
      : change.values.map((value) =>
          record(change, { class: 'in', ttl: change.ttlSeconds }, value),
        ),
  );
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(opcodeUpdate, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(prerequisites.length, 6);
  header.writeUInt16BE(updates.length, 8);
  const question = Buffer.alloc(4);
  question.writeUInt16BE(typeSoa, 0);
  question.writeUInt16BE(classes.in, 2);
  return Buffer.concat([header, wireName(zone), question, ...prerequisites, ...updates]);
}

function record(
  { name, type }: { name: string; type: RrType },
  about: { class: keyof typeof classes; ttl: number },
  value: string | null,
): Buffer {
  const rdata = value === null ? Buffer.alloc(0) : rdataOf(type, value);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(types[type], 0);
  fixed.writeUInt16BE(classes[about.class], 2);
  fixed.writeUInt32BE(about.ttl, 4);
  fixed.writeUInt16BE(rdata.length, 8);
  return Buffer.concat([wireName(name), fixed, rdata]);
}

function rdataOf(type: RrType, value: string): Buffer {
  switch (type) {
    case 'A':
      return Buffer.from(ipaddr.IPv4.parse(value).toByteArray());
    case 'AAAA':
      return Buffer.from(ipaddr.IPv6.parse(value).toByteArray());
    case 'CNAME':
      return wireName(value);
    case 'TXT': {
      const bytes = Buffer.from(value, 'utf8');
      if (bytes.length > maxStringBytes) throw new RangeError(`a string of ${bytes.length} bytes`);
      return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    }
  }
}
