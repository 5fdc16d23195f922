import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** Answers one DNS message; `null` sends nothing. */
export type Respond = (
  message: Buffer,
  transport: 'udp' | 'tcp',
) => Promise<Buffer | null> | Buffer | null;

export type DnsListener = Awaited<ReturnType<typeof listenDns>>;

/** A TCP connection without a query for this long is closed, ms (RFC 7766 says a few seconds). */
const tcpIdleMs = 10_000;

/** Most TCP connections at once; a lab has a few. */
const maxTcpConnections = 200;

/** Listens on UDP and TCP on the same port. Port 0 takes a free one. */
export async function listenDns(options: { host: string; port: number; respond: Respond }) {
  const { host, respond } = options;
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    serveTcp(socket, respond);
  });
  tcp.maxConnections = maxTcpConnections;
  tcp.listen(options.port, host);
  await once(tcp, 'listening');
  const address = tcp.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;

  const udp = createSocket('udp4');
  udp.on('message', async (message, from) => {
    const reply = await respond(message, 'udp');
    if (reply !== null) udp.send(reply, from.port, from.address, () => {});
  });
  try {
    udp.bind(port, host);
    await once(udp, 'listening');
  } catch (error) {
    tcp.close();
    throw error;
  }
  return {
    port,
    close: async () => {
      udp.close();
      tcp.close();
      for (const socket of connections) socket.destroy();
      await Promise.all([once(udp, 'close'), tcp.listening ? once(tcp, 'close') : null]);
    },
  };
}

/**
 * Serves messages, each with its length in two bytes in front (RFC 1035, 4.2.2); answers in the
 * order of the queries.
 */
function serveTcp(socket: Socket, respond: Respond): void {
  let buffered = Buffer.alloc(0);
  let answering = Promise.resolve();
  socket.setTimeout(tcpIdleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
      const message = buffered.subarray(2, 2 + buffered.readUInt16BE(0));
      buffered = buffered.subarray(2 + message.length);
      answering = answering.then(async () => {
        const reply = await respond(message, 'tcp');
        if (reply === null) socket.destroy();
        else if (!socket.destroyed) socket.write(framed(reply));
      });
    }
  });
}

/** Returns a message in the form that TCP carries. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
