import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type DecodedPacket, decode, encode, type OptAnswer, type RecordType } from 'dns-packet';
import type { CanaryZone } from './respond.ts';

export const zone = 'canary.example.test';

export const testZone: CanaryZone = {
  zone,
  nameservers: [
    { name: `ns1.${zone}`, addresses: ['192.0.2.1', '2001:db8::1'] },
    { name: 'ns2.example.net', addresses: [] },
  ],
  ttlSeconds: 5,
};

export const opt = (more: Partial<OptAnswer> = {}): OptAnswer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1_232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
  ...more,
});

export function queryOf(
  name: string,
  type: RecordType | 'ANY',
  options: { id?: number; edns?: OptAnswer | null; class?: 'CH' } = {},
): Buffer {
  const { id = 77, edns = opt() } = options;
  return encode({
    type: 'query',
    id,
    flags: 0x0100,
    questions: [
      {
        name,
        type: type as RecordType,
        ...(options.class === undefined ? {} : { class: options.class }),
      },
    ],
    additionals: edns === null ? [] : [edns],
  });
}

/** Returns the raw answer that arrives over UDP within the test's time. */
export async function askUdp(port: number, message: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.send(message);
    const [reply] = await once(socket, 'message');
    return reply;
  } finally {
    socket.close();
  }
}

/** Sends several messages on one connection, in one write; returns the answers in order. */
export async function askTcp(port: number, messages: readonly Buffer[]): Promise<DecodedPacket[]> {
  const socket = connect(port, '127.0.0.1');
  const framed = messages.map((message) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    return Buffer.concat([length, message]);
  });
  socket.write(Buffer.concat(framed));
  const replies: DecodedPacket[] = [];
  let waiting = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      waiting = Buffer.concat([waiting, chunk as Buffer]);
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const end = 2 + waiting.readUInt16BE(0);
        replies.push(decode(waiting.subarray(2, end)));
        waiting = waiting.subarray(end);
      }
      if (replies.length === messages.length) break;
    }
    return replies;
  } finally {
    socket.destroy();
  }
}
