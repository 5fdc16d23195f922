import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { decode, encode, type Packet, type Question } from 'dns-packet';
import type { Clock, Random } from 'throwover/kernel';
import { framed } from './listen.ts';

/** Longest wait for one answer of the authoritative server, ms, and how often it is asked: about what unbound does on a fast path. */
const attemptTimeoutMs = 1_000;
const attempts = 2;

/** Asks the authoritative server; rejects when it does not answer. */
export type Upstream = (question: Question) => Promise<Packet>;

export function dnsUpstream(options: {
  host: string;
  port: number;
  clock: Clock;
  random: Random;
}): Upstream {
  const { clock, random } = options;
  return async (question) => {
    let last: unknown;
    for (let attempt = 0; attempt < attempts; attempt++) {
      try {
        const query = queryFor(question, random);
        const answer = await within(clock, (signal) => askUdp(query, options, signal));
        if (!answer.flag_tc) return answer;
        return await within(clock, (signal) => askTcp(query, options, signal));
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
}

interface Query {
  readonly id: number;
  readonly question: Question;
  readonly bytes: Buffer;
}

function queryFor(question: Question, random: Random): Query {
  const id = random.integer(65_536);
  const opt = {
    type: 'OPT' as const,
    name: '.',
    udpPayloadSize: 1232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const bytes = encode({ type: 'query', id, flags: 0, questions: [question], additionals: [opt] });
  return { id, question, bytes };
}

/** A socket of its own for each query, so that its port is as hard to guess as its id. */
async function askUdp(query: Query, to: { host: string; port: number }, signal: AbortSignal) {
  const socket = createSocket('udp4');
  try {
    socket.connect(to.port, to.host);
    await once(socket, 'connect', { signal });
    socket.send(query.bytes);
    for (;;) {
      const [message] = await once(socket, 'message', { signal });
      const answer = answerTo(query, message);
      if (answer !== null) return answer;
    }
  } finally {
    socket.close();
  }
}

async function askTcp(query: Query, to: { host: string; port: number }, signal: AbortSignal) {
  const socket = connect(to.port, to.host);
  try {
    await once(socket, 'connect', { signal });
    socket.write(framed(query.bytes));
    let bytes = Buffer.alloc(0);
    for (;;) {
      const [chunk] = await once(socket, 'data', { signal });
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE(0)) continue;
      const answer = answerTo(query, bytes.subarray(2, 2 + bytes.readUInt16BE(0)));
      if (answer === null) throw new Error('an answer to another question');
      return answer;
    }
  } finally {
    socket.destroy();
  }
}

/** `null` for what is no answer to this query: garbage, another id, another question. */
function answerTo(
  { id, question }: Query,
  message: Buffer,
): (Packet & { flag_tc: boolean }) | null {
  try {
    const packet = decode(message);
    const echoed = packet.questions?.[0];
    const same =
      packet.type === 'response' &&
      packet.id === id &&
      echoed?.type === question.type &&
      echoed.name.toLowerCase() === question.name.toLowerCase();
    return same ? packet : null;
  } catch {
    return null;
  }
}

async function within<T>(clock: Clock, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  clock.sleep(attemptTimeoutMs, done.signal).then(
    () => late.abort(new Error(`no answer within ${attemptTimeoutMs} ms`)),
    () => {},
  );
  try {
    return await work(late.signal);
  } finally {
    done.abort();
  }
}
