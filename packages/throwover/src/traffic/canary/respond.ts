import ipaddr from 'ipaddr.js';
import type { Clock } from '../../kernel/kernel.ts';
import { wireName } from '../wire-name.ts';
import type { Counters } from './calls.ts';
import { type Asked, whatIsAsked, type ZoneNames } from './names.ts';
import { parseQuery, type Query } from './query.ts';
import type { Permission } from './rate-limit.ts';
import {
  bareReply,
  encodeReply,
  type RecordOut,
  type Reply,
  slipReply,
  type Transport,
  zoneOffset,
} from './reply.ts';
import type { SeenLog } from './seen.ts';
import { txtOf, writeA, writeAaaa } from './stamp.ts';

const types = { A: 1, NS: 2, SOA: 6, HINFO: 13, TXT: 16, AAAA: 28, ANY: 255 } as const;

/** The first type that asks for something other than records, such as a zone transfer. */
const firstMetaType = 128;

/**
 * How long a resolver may remember a negative answer, s: names that do not exist will not be added.
 */
const negativeTtlSeconds = 3_600;
const nsTtlSeconds = 3_600;

export interface CanaryZone {
  /** `canary.example.com`. */
  readonly zone: string;
  /** As the parent zone delegates; with addresses for servers inside the zone. */
  readonly nameservers: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  /** TTL of names that ask for none, s. */
  readonly ttlSeconds: number;
}

/**
 * Takes one message from any sender and returns one message or nothing. Never throws for received
 * bytes.
 */
export type Respond = (message: Buffer, from: string, transport: Transport) => Buffer | null;

export function canaryResponder(options: {
  zone: CanaryZone;
  clock: Clock;
  permit: (address: string) => Permission;
  seen: SeenLog;
  counters: Counters;
}): Respond {
  const { zone: declared, clock, permit, seen, counters } = options;
  const zone = prepare(declared);
  return (message, from, transport) => {
    counters.queries += 1;
    const parsed = parseQuery(message);
    if (parsed.outcome === 'drop') {
      counters.dropped += 1;
      return null;
    }
    const permission = transport === 'tcp' ? 'answer' : permit(from);
    if (permission !== 'answer') {
      counters.limited += 1;
      return permission === 'slip' ? slipReply(parsed.query) : null;
    }
    const reply =
      parsed.outcome === 'refused'
        ? bareReply(parsed.rcode)
        : replyTo(parsed.query, zone, { wallMs: clock.wallMs(), from, seen });
    counters[reply.authoritative ? 'answered' : 'refused'] += 1;
    const encoded = encodeReply(parsed.query, reply, {
      transport,
      zoneBytes: zone.names.zone.length,
    });
    if (encoded.truncated) counters.truncated += 1;
    return encoded.bytes;
  };
}

interface Prepared {
  readonly names: ZoneNames;
  readonly nameservers: readonly { readonly wire: Buffer; readonly addresses: readonly Buffer[] }[];
  readonly ttlSeconds: number;
  readonly serial: number;
}

function prepare({ zone, nameservers, ttlSeconds }: CanaryZone): Prepared {
  const servers = nameservers.map(({ name, addresses }) => ({
    wire: wireName(name),
    addresses: addresses.map((address) => Buffer.from(ipaddr.parse(address).toByteArray())),
  }));
  return {
    names: { zone: wireName(zone), nameservers: servers.map(({ wire }) => wire) },
    nameservers: servers,
    ttlSeconds,
    serial: 1,
  };
}

interface Moment {
  readonly wallMs: number;
  readonly from: string;
  readonly seen: SeenLog;
}

function replyTo(query: Query, zone: Prepared, moment: Moment): Reply {
  const asked = whatIsAsked(query.name, zone.names);
  if (asked.kind === 'outside') return bareReply('REFUSED');
  if (query.type >= firstMetaType && query.type !== types.ANY) return bareReply('REFUSED');
  if (asked.kind === 'nothing') return negative('NXDOMAIN', query, zone);
  if (query.type === types.ANY) return found([minimalAny()]);
  const answers = recordsOf(asked, query, zone, moment);
  if (answers === 'withheld') return bareReply('SERVFAIL');
  return answers.length > 0 ? found(answers) : negative('NOERROR', query, zone);
}

function recordsOf(
  asked: Exclude<Asked, { kind: 'outside' | 'nothing' }>,
  query: Query,
  zone: Prepared,
  moment: Moment,
): readonly RecordOut[] | 'withheld' {
  switch (asked.kind) {
    case 'branch':
      return [];
    case 'apex':
      return apexRecords(query, zone);
    case 'nameserver':
      return (zone.nameservers[asked.index]?.addresses ?? [])
        .filter(({ length }) => query.type === (length === 4 ? types.A : types.AAAA))
        .map((data) => record(query.type, nsTtlSeconds, data));
    case 'stamp': {
      if (asked.beacon) moment.seen.see(asked.nonce, moment.from);
      const { untilSeconds } = asked;
      if (untilSeconds !== null && moment.wallMs >= untilSeconds * 1_000) return 'withheld';
      const data = stampData(query.type, moment);
      return data === null ? [] : [record(query.type, asked.ttlSeconds ?? zone.ttlSeconds, data)];
    }
  }
}

function apexRecords(query: Query, zone: Prepared): readonly RecordOut[] {
  if (query.type === types.SOA) return [soa('question', query, zone)];
  if (query.type !== types.NS) return [];
  return zone.nameservers.map(({ wire }) =>
    record(types.NS, nsTtlSeconds, compressed(wire, query, zone)),
  );
}

function stampData(type: number, { wallMs, from }: Moment): Buffer | null {
  if (type === types.A) {
    const data = Buffer.allocUnsafe(4);
    writeA(data, 0, wallMs);
    return data;
  }
  if (type === types.AAAA) {
    const data = Buffer.allocUnsafe(16);
    writeAaaa(data, 0, wallMs);
    return data;
  }
  if (type !== types.TXT) return null;
  const text = Buffer.from(txtOf(wallMs, from), 'latin1');
  return Buffer.concat([Buffer.from([text.length]), text]);
}

function record(type: number, ttlSeconds: number, data: Buffer): RecordOut {
  return { owner: 'question', type, ttlSeconds, data };
}

/** RFC 8482: the answer to ANY is one small record, whatever records exist. */
function minimalAny(): RecordOut {
  const cpu = Buffer.from('RFC8482', 'latin1');
  const data = Buffer.concat([Buffer.from([cpu.length]), cpu, Buffer.from([0])]);
  return record(types.HINFO, negativeTtlSeconds, data);
}

function found(answers: readonly RecordOut[]): Reply {
  return { rcode: 'NOERROR', authoritative: true, answers, authorities: [] };
}

/** A negative answer with the SOA, so that resolvers remember it (RFC 2308). */
function negative(rcode: 'NOERROR' | 'NXDOMAIN', query: Query, zone: Prepared): Reply {
  return { rcode, authoritative: true, answers: [], authorities: [soa('zone', query, zone)] };
}

/**
 * The SOA record. Its mailbox is the zone's own name (`canary.example.com` is canary@example.com),
 * the shortest possible one.
 */
function soa(owner: 'question' | 'zone', query: Query, zone: Prepared): RecordOut {
  const apex = pointer(zoneOffset(query, zone.names.zone.length));
  const [first] = zone.nameservers;
  const mname = first === undefined ? apex : compressed(first.wire, query, zone);
  const numbers = Buffer.alloc(20);
  for (const [index, value] of [zone.serial, 7_200, 900, 1_209_600, negativeTtlSeconds].entries()) {
    numbers.writeUInt32BE(value, index * 4);
  }
  const data = Buffer.concat([mname, apex, numbers]);
  return { owner, type: types.SOA, ttlSeconds: negativeTtlSeconds, data };
}

/** Replaces the zone's name at the end of a name by a pointer. */
function compressed(wire: Buffer, query: Query, { names: { zone } }: Prepared): Buffer {
  const own = wire.length - zone.length;
  if (own < 0 || zone.compare(wire, own) !== 0) return wire;
  return Buffer.concat([wire.subarray(0, own), pointer(zoneOffset(query, zone.length))]);
}

function pointer(offset: number): Buffer {
  return Buffer.from([0xc0 | (offset >> 8), offset & 0xff]);
}
