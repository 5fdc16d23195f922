import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { decode, encode, type Packet, type Question } from 'dns-packet';
import { type Clock, type Endpoint, type Random, withDeadline } from 'throwover/kernel';
import { optAnswer } from './answer.ts';
import { framed } from './listen.ts';

/**
 * Longest wait for one answer of the authoritative server, ms, and number of attempts: about as
 * unbound on a fast path.
 */
const attemptTimeoutMs = 1_000;
const attempts = 2;

/**
 * Asks the authoritative server; rejects when it does not answer. `referred`: another server
 * answered.
 */
export type Upstream = (question: Question) => Promise<Packet & { readonly referred?: boolean }>;

export interface UpstreamOptions extends Endpoint {
  /** Source address of the queries; left out: the system's choice. */
  readonly from?: string | undefined;
  /** Ports of other name servers, by address: in production 53, which only root may open here. */
  readonly nameserverPorts?: Readonly<Record<string, number>> | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

type Answered = Packet & { readonly flag_tc: boolean };

/** Follows one referral: the lab's zone delegates, but the delegated zones do not. */
export function dnsUpstream(options: UpstreamOptions): Upstream {
  return async (question) => {
    const answer = await askServer(question, options, options);
    const server = referredTo(answer, options.nameserverPorts ?? {});
    if (server === null) return answer;
    return { ...(await askServer(question, server, options)), referred: true };
  };
}

async function askServer(
  question: Question,
  server: Endpoint,
  { clock, random, from }: UpstreamOptions,
): Promise<Answered> {
  const to = { host: server.host, port: server.port, from };
  let last: unknown;
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      const query = queryFor(question, random);
      const answer = await withDeadline(clock, attemptTimeoutMs, (signal) =>
        askUdp(query, to, signal),
      );
      if (!answer.flag_tc) return answer;
      return await withDeadline(clock, attemptTimeoutMs, (signal) => askTcp(query, to, signal));
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** Returns the name server of a referral; `null` when the answer is the zone's own. */
function referredTo(
  { answers = [], authorities = [], additionals = [] }: Packet,
  ports: Readonly<Record<string, number>>,
): Endpoint | null {
  if (answers.length > 0 || !authorities.some(({ type }) => type === 'NS')) return null;
  for (const record of additionals) {
    const port = record.type === 'A' ? ports[record.data] : undefined;
    if (record.type === 'A' && port !== undefined) return { host: record.data, port };
  }
  throw new Error('a referral to name servers that nobody can reach');
}

interface To extends Endpoint {
  readonly from: string | undefined;
}

interface Query {
  readonly id: number;
  readonly question: Question;
  readonly bytes: Buffer;
}

function queryFor(question: Question, random: Random): Query {
  const id = random.integer(65_536);
  const additionals = [optAnswer(0)];
  const bytes = encode({ type: 'query', id, flags: 0, questions: [question], additionals });
  return { id, question, bytes };
}

/** Uses a separate socket for each query, so that its port is as hard to guess as its id. */
async function askUdp(query: Query, to: To, signal: AbortSignal): Promise<Answered> {
  const socket = createSocket('udp4');
  try {
    if (to.from !== undefined) {
      socket.bind(0, to.from);
      await once(socket, 'listening', { signal });
    }
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

async function askTcp(query: Query, to: To, signal: AbortSignal): Promise<Answered> {
  const { host, port, from } = to;
  const socket = connect({ host, port, ...(from === undefined ? {} : { localAddress: from }) });
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

/**
 * Returns `null` for a message that does not answer this query: garbage, another id, another
 * question.
 */
function answerTo({ id, question }: Query, message: Buffer): Answered | null {
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
