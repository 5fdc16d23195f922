import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  type Question,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import { assertNever } from 'throwover/kernel';
import type { Respond } from './listen.ts';
import { parseTxt } from './txt.ts';
import { canonicalName, type RecordSet, type RecordType, recordTypes, type Zone } from './zone.ts';

/** Largest UDP reply without EDNS0 (RFC 1035), and with it (DNS Flag Day 2020). */
const plainUdpBytes = 512;
const ednsUdpBytes = 1232;

/** Longest chain of aliases that is followed inside a zone. */
const maxAliases = 8;

/** Response codes by name (RFC 1035, RFC 6891). */
const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
};
type Rcode = keyof typeof rcodes;

export interface Reply {
  readonly rcode: Rcode;
  readonly authoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  /** Addresses of the name servers in a referral; left out when there are none. */
  readonly additionals?: readonly Answer[];
}

/**
 * Returns what answers DNS messages: a query by `answer`, one that cannot be answered by the code
 * that refuses it, and what is no query not at all.
 */
export function responder(
  recursionAvailable: boolean,
  answer: (question: Question) => Promise<Reply> | Reply,
): Respond {
  return async (message, transport) => {
    const query = parseQuery(message);
    if (query === null) return null;
    const { packet, question } = query;
    const reply = typeof question === 'string' ? errorReply(question) : await answer(question);
    return encodeReply(packet, reply, { transport, recursionAvailable });
  };
}

/**
 * Returns a query with its question, or with the code by which it is refused; `null` when the
 * message is not a query.
 */
function parseQuery(message: Buffer): { packet: Packet; question: Question | Rcode } | null {
  let packet: Packet & { opcode?: string };
  try {
    packet = decode(message);
  } catch {
    return null;
  }
  if (packet.type === 'response') return null;
  if (packet.opcode !== 'QUERY') return { packet, question: 'NOTIMP' };
  const [question, ...more] = packet.questions ?? [];
  if (question === undefined || more.length > 0) return { packet, question: 'FORMERR' };
  if ((ednsOf(packet)?.ednsVersion ?? 0) !== 0) return { packet, question: 'BADVERS' };
  if (question.class !== undefined && question.class !== 'IN') {
    return { packet, question: 'REFUSED' };
  }
  return { packet, question };
}

/** Returns the EDNS0 record of a query, if it has one. */
const ednsOf = ({ additionals }: Packet) =>
  additionals?.find((record): record is OptAnswer => record.type === 'OPT');

/**
 * Encodes the reply. A UDP reply that does not fit is cut to its header with TC, so that the client
 * retries over TCP.
 */
export function encodeReply(
  packet: Packet,
  reply: Reply,
  options: { transport: 'udp' | 'tcp'; recursionAvailable: boolean },
): Buffer {
  const asked = ednsOf(packet);
  const code = rcodes[reply.rcode];
  const flags =
    ((packet.flags ?? 0) & RECURSION_DESIRED) |
    (reply.authoritative ? AUTHORITATIVE_ANSWER : 0) |
    (options.recursionAvailable ? 1 << 7 : 0) |
    (code & 0xf);
  const whole: Packet = {
    type: 'response',
    id: packet.id ?? 0,
    flags,
    questions: packet.questions ?? [],
    answers: [...reply.answers],
    authorities: [...reply.authorities],
    additionals: [
      ...(reply.additionals ?? []),
      ...(asked === undefined ? [] : [optAnswer(code >> 4)]),
    ],
  };
  const bytes = encode(whole);
  const limit =
    asked === undefined
      ? plainUdpBytes
      : Math.min(Math.max(asked.udpPayloadSize, plainUdpBytes), ednsUdpBytes);
  if (options.transport === 'tcp' || bytes.length <= limit) return bytes;
  return encode({
    ...whole,
    flags: flags | TRUNCATED_RESPONSE,
    answers: [],
    authorities: [],
    additionals: asked === undefined ? [] : [optAnswer(code >> 4)],
  });
}

export function errorReply(rcode: Rcode): Reply {
  return { rcode, authoritative: false, answers: [], authorities: [] };
}

/**
 * Answers from the zones, or refers to other name servers. TTLs are divided by `timeScale`, and are
 * at least 1 s.
 */
export function answerFrom(zones: Iterable<Zone>, question: Question, timeScale: number): Reply {
  const name = canonicalName(question.name);
  const zone = zoneOf(zones, name);
  if (zone === undefined) return errorReply('REFUSED');
  const cut = delegationOf(zone, name);
  if (cut !== undefined) return referral(zone, cut, timeScale);
  const answers: Answer[] = [];
  let current = name;
  for (let aliases = 0; aliases <= maxAliases && zone.covers(current); aliases++) {
    const asked = aliases === 0 ? question.name : current;
    const set = isRecordType(question.type) ? zone.get(current, question.type) : undefined;
    if (set !== undefined) {
      return found([...answers, ...toAnswers(zone, set, asked, timeScale)]);
    }
    const alias = zone.get(current, 'CNAME');
    if (alias === undefined) break;
    answers.push(...toAnswers(zone, alias, asked, timeScale));
    current = canonicalName(alias.values[0] ?? '');
  }
  const soa = zone.get(zone.name, 'SOA');
  if (!zone.covers(current) || soa === undefined) return found(answers);
  const authorities = toAnswers(zone, soa, zone.name, timeScale);
  return {
    rcode: zone.has(current) ? 'NOERROR' : 'NXDOMAIN',
    authoritative: true,
    answers,
    authorities,
  };
}

/** Returns a TTL in the lab: life seconds divided by the time scale, at least 1 s. */
function labTtl(lifeSeconds: number, timeScale: number): number {
  return Math.max(1, Math.ceil(lifeSeconds / timeScale));
}

/**
 * Returns the delegation that contains this name, for which other servers answer (RFC 1034, 4.2.1).
 */
function delegationOf(zone: Zone, name: string): RecordSet | undefined {
  for (let at = name; at !== zone.name; at = at.slice(at.indexOf('.') + 1)) {
    const cut = zone.get(at, 'NS');
    if (cut !== undefined) return cut;
  }
  return undefined;
}

function referral(zone: Zone, cut: RecordSet, timeScale: number): Reply {
  const hosts = cut.values.map(canonicalName);
  const glue = hosts.flatMap((host) => zone.get(host, 'A') ?? []);
  return {
    rcode: 'NOERROR',
    authoritative: false,
    answers: [],
    authorities: toAnswers(zone, cut, cut.name, timeScale),
    additionals: glue.flatMap((set) => toAnswers(zone, set, set.name, timeScale)),
  };
}

function found(answers: readonly Answer[]): Reply {
  return { rcode: 'NOERROR', authoritative: true, answers, authorities: [] };
}

function zoneOf(zones: Iterable<Zone>, name: string): Zone | undefined {
  let best: Zone | undefined;
  for (const zone of zones) {
    if (zone.covers(name) && (best === undefined || zone.name.length > best.name.length))
      best = zone;
  }
  return best;
}

function isRecordType(type: string): type is RecordType {
  return (recordTypes as readonly string[]).includes(type);
}

function toAnswers(zone: Zone, set: RecordSet, name: string, timeScale: number): Answer[] {
  const common = { name, ttl: labTtl(set.ttl, timeScale), class: 'IN' as const };
  const host = (value: string) => value.replace(/\.$/, '');
  return set.values.map((value): Answer => {
    switch (set.type) {
      case 'A':
      case 'AAAA':
        return { ...common, type: set.type, data: value };
      case 'CNAME':
      case 'NS':
        return { ...common, type: set.type, data: host(value) };
      case 'TXT': {
        const parsed = parseTxt(value);
        return { ...common, type: 'TXT', data: 'strings' in parsed ? parsed.strings : [] };
      }
      case 'SOA': {
        const [mname = '', rname = '', , refresh, retry, expire, minimum] = value.split(' ');
        const data = {
          mname: host(mname),
          rname: host(rname),
          serial: zone.serial,
          refresh: Number(refresh),
          retry: Number(retry),
          expire: Number(expire),
          minimum: labTtl(Number(minimum), timeScale),
        };
        return { ...common, type: 'SOA', data };
      }
      default:
        return assertNever(set.type);
    }
  });
}

/** Returns an EDNS0 record. */
export function optAnswer(extendedRcode: number): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: ednsUdpBytes,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}
