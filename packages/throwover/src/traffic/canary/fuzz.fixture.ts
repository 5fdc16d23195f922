import { decode, encode, type RecordType } from 'dns-packet';
import { type Random, seededRandom, systemClock } from '../../kernel/kernel.ts';
import { opt, testZone, zone } from './canary.fixture.ts';
import { maxAmplification } from './reply.ts';
import { canaryResponder } from './respond.ts';
import { SeenLog } from './seen.ts';

/** The counts of a fuzz run. */
export interface FuzzCount {
  packets: number;
  answered: number;
  silent: number;
  /** Largest ratio of an answer to its question, in bytes, over UDP. */
  worstAmplification: number;
}

/** Thrown with the packet that caused the error; the seed and the packet's number reproduce it. */
export class FuzzFailure extends Error {
  constructor(what: string, seed: number, index: number, packet: Buffer) {
    super(`${what}; seed ${seed}, packet ${index}: ${packet.toString('hex')}`);
    this.name = 'FuzzFailure';
  }
}

const names = [
  `t60.abcdefghijklmnop.g.${zone}`,
  `t5-u1767225600.abcdefghijklmnop.g.${zone}`,
  `nonce-1.b.${zone}`,
  zone,
  `g.${zone}`,
  `ns1.${zone}`,
  `nobody.${zone}`,
  'example.com',
  '.',
];
const types: readonly RecordType[] = ['A', 'AAAA', 'TXT', 'NS', 'SOA', 'MX', 'AXFR', 'DS', 'TSIG'];

/** Valid queries, from which invalid ones are made. */
const seeds: readonly Buffer[] = names.flatMap((name) =>
  types.flatMap((type) =>
    [[], [opt()], [opt({ ednsVersion: 1 })], [opt(), opt()]].map((additionals) =>
      encode({ type: 'query', id: 1, flags: 0x0100, questions: [{ name, type }], additionals }),
    ),
  ),
);

/** Changes to a packet; each packet gets one to six of them. */
const changes: readonly ((packet: Buffer, random: Random) => Buffer)[] = [
  (packet, random) => set(packet, random.integer(packet.length), random.integer(256)),
  (packet, random) => {
    const at = random.integer(packet.length);
    return set(packet, at, (packet[at] ?? 0) ^ (1 << random.integer(8)));
  },
  // Counts and flags, which control a reader's loops.
  (packet, random) =>
    set(packet, Math.min(packet.length - 1, 2 + random.integer(10)), random.integer(256)),
  (packet, random) => packet.subarray(0, 1 + random.integer(packet.length)),
  (packet, random) => {
    const at = random.integer(packet.length);
    const bytes = Buffer.from(
      Array.from({ length: 1 + random.integer(40) }, () => random.integer(256)),
    );
    return Buffer.concat([packet.subarray(0, at), bytes, packet.subarray(at)]);
  },
  // A compression pointer to a random place.
  (packet, random) => {
    const at = random.integer(packet.length);
    return set(set(packet, at, 0xc0 | random.integer(64)), at + 1, random.integer(256));
  },
  // Repeats a part of the packet: records, options, labels.
  (packet, random) => {
    const from = random.integer(packet.length);
    const part = packet.subarray(from, from + 1 + random.integer(packet.length - from));
    return Buffer.concat([packet, part]).subarray(0, 4_096);
  },
  (packet, random) => {
    const other = random.pick(seeds);
    return Buffer.concat([
      packet.subarray(0, random.integer(packet.length)),
      other.subarray(random.integer(other.length)),
    ]);
  },
];

function set(packet: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(packet);
  if (at < copy.length) copy[at] = value;
  return copy;
}

export function* malformed(seed: number, packets: number): Generator<Buffer> {
  const random = seededRandom(seed);
  for (let index = 0; index < packets; index += 1) {
    let packet: Buffer = random.pick(seeds);
    const many = random.integer(7);
    for (let change = 0; change < many && packet.length > 0; change += 1) {
      packet = random.pick(changes)(packet, random);
    }
    yield packet;
  }
}

/**
 * Feeds the responder with packets that no resolver sends. Throws `FuzzFailure` when the responder
 * throws, sends more than 1.5 times the bytes that it got, or sends something that is no DNS answer
 * to that packet. dns-packet, which shares no code with the responder, must be able to read the
 * answer.
 */
export function fuzz(seed: number, packets: number): FuzzCount {
  const counters = { queries: 0, answered: 0, truncated: 0, refused: 0, limited: 0, dropped: 0 };
  const respond = canaryResponder({
    zone: testZone,
    clock: systemClock,
    permit: () => 'answer',
    seen: new SeenLog(systemClock),
    counters,
  });
  const count: FuzzCount = { packets: 0, answered: 0, silent: 0, worstAmplification: 0 };
  for (const packet of malformed(seed, packets)) {
    const index = count.packets;
    count.packets += 1;
    const fail = (what: string) => new FuzzFailure(what, seed, index, packet);
    let reply: Buffer | null;
    try {
      reply = respond(packet, '198.51.100.7', 'udp');
    } catch (error) {
      throw fail(`threw ${String(error)}`);
    }
    if (reply === null) {
      count.silent += 1;
      continue;
    }
    count.answered += 1;
    const share = reply.length / packet.length;
    count.worstAmplification = Math.max(count.worstAmplification, share);
    if (share > maxAmplification) throw fail(`${reply.length} bytes for ${packet.length}`);
    const wrong = wrongWith(packet, reply);
    if (wrong !== null) throw fail(wrong);
  }
  return count;
}

function wrongWith(packet: Buffer, reply: Buffer): string | null {
  try {
    const { id, type, questions } = decode(reply);
    if (type !== 'response') return 'said a query';
    if (id !== packet.readUInt16BE(0)) return 'answered another id';
    return (questions?.length ?? 0) > 1 ? 'several questions' : null;
  } catch (error) {
    return `said ${reply.toString('hex')}: ${String(error)}`;
  }
}
