import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { decode, encode, type Packet, type Question } from 'dns-packet';
import { seededRandom, systemClock } from 'throwover/kernel';
import { optAnswer } from './answer.ts';
import { type DnsServer, type DnsServerConfig, startDnsServer } from './dns-server.ts';
import { framed } from './listen.ts';

export const zoneId = 'Z0TEST';
export const host = '127.0.0.1';

/**
 * Starts a server on free ports with one zone; `checkout` answers 127.0.1.1 with a TTL of 60 life
 * seconds.
 */
export function startTestServer(config: Partial<DnsServerConfig> = {}): Promise<DnsServer> {
  const records = [
    { name: 'checkout.example.test', type: 'A' as const, ttl: 60, values: ['127.0.1.1'] },
    {
      name: 'www.example.test',
      type: 'CNAME' as const,
      ttl: 60,
      values: ['checkout.example.test.'],
    },
    { name: 'deep.below.example.test', type: 'TXT' as const, ttl: 90, values: ['"one" "t\\"wo"'] },
    {
      name: 'large.example.test',
      type: 'TXT' as const,
      ttl: 60,
      values: Array.from({ length: 20 }, (_, i) => `"${String(i).padStart(200, 'x')}"`),
    },
  ];
  return startDnsServer(
    {
      host,
      dnsPort: 0,
      apiPort: 0,
      timeScale: 60,
      zones: [{ id: zoneId, name: 'example.test', records }],
      ...config,
    },
    { clock: systemClock, random: seededRandom(1), log: () => {} },
  );
}

export async function askUdp(port: number, question: Question, edns = true): Promise<Packet> {
  const query: Packet = {
    type: 'query',
    id: 7,
    questions: [question],
    additionals: edns ? [optAnswer(0)] : [],
  };
  return decode(await sendUdp(port, encode(query)));
}

/** Sends the messages in order from one socket; returns the first answer to any of them. */
export async function sendUdp(port: number, ...messages: Buffer[]): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    for (const message of messages) socket.send(message, port, host);
    const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(5_000) });
    return answer;
  } finally {
    socket.close();
  }
}

/** Sends several messages in one write and returns the answers in the order in which they came. */
export async function askTcp(port: number, messages: readonly Buffer[]): Promise<Packet[]> {
  const socket = connect(port, host);
  try {
    socket.write(Buffer.concat(messages.map(framed)));
    let bytes = Buffer.alloc(0);
    const answers: Packet[] = [];
    for await (const chunk of socket) {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
        const end = 2 + bytes.readUInt16BE(0);
        answers.push(decode(bytes.subarray(2, end)));
        bytes = bytes.subarray(end);
      }
      if (answers.length === messages.length) break;
    }
    return answers;
  } finally {
    socket.destroy();
  }
}
