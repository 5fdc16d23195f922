import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Respond } from './respond.ts';

/** A TCP connection without a query for this long is closed, ms (RFC 7766: a few seconds). */
const tcpIdleMs = 5_000;

/**
 * Most TCP connections at the same time. A stranger who holds all of them does not keep others from
 * asking over UDP.
 */
const maxTcpConnections = 256;

/** Kernel buffer for waiting queries, bytes: a burst of some thousand. */
const receiveBufferBytes = 1 << 20;

/** Most bytes of answers that may wait for a slow client; beyond that its connection is closed. */
const maxUnsentBytes = 65_536;

export interface CanaryListener {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * How often another port is tried for port 0: a port that is free over TCP may be in use over UDP.
 */
const portTries = 20;

/**
 * Listens on UDP and TCP on the same port; port 0 takes a free one. Rejects with the system's
 * error.
 */
export async function listenCanary(
  host: string,
  port: number,
  respond: Respond,
): Promise<CanaryListener> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await listenOn(host, port, respond);
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (port !== 0 || !taken || tries === portTries) throw error;
    }
  }
}

async function listenOn(host: string, port: number, respond: Respond): Promise<CanaryListener> {
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    answerStream(socket, respond);
  });
  tcp.maxConnections = maxTcpConnections;
  tcp.listen(port, host);
  await once(tcp, 'listening');
  const bound = portOf(tcp);
  const udp = createSocket({
    type: isIPv6(host) ? 'udp6' : 'udp4',
    recvBufferSize: receiveBufferBytes,
  });
  udp.on('message', (message, { address, port: from }) => {
    const reply = respond(message, address, 'udp');
    // A client that is gone is not an error of this server.
    if (reply !== null && from !== 0) udp.send(reply, from, address, () => {});
  });
  try {
    await bind(udp, bound, host);
  } catch (error) {
    udp.close();
    tcp.close();
    throw error;
  }
  return {
    port: bound,
    close: async () => {
      const closed = Promise.all([once(udp, 'close'), once(tcp, 'close')]);
      udp.close();
      tcp.close();
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

async function bind(udp: UdpSocket, port: number, host: string): Promise<void> {
  const listening = once(udp, 'listening');
  udp.bind(port, host);
  await listening;
  // ICMP reports that an answer reached a closed port; there is nothing to do.
  udp.on('error', () => {});
}

/**
 * Answers messages with a length of two bytes before each (RFC 1035, 4.2.2), in the order of the
 * questions.
 */
function answerStream(socket: Socket, respond: Respond): void {
  const from = socket.remoteAddress ?? '';
  let waiting: Buffer = Buffer.alloc(0);
  socket.setTimeout(tcpIdleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    let at = 0;
    while (waiting.length - at >= 2) {
      const end = at + 2 + waiting.readUInt16BE(at);
      if (waiting.length < end) break;
      const reply = respond(waiting.subarray(at + 2, end), from, 'tcp');
      at = end;
      if (reply === null || socket.writableLength > maxUnsentBytes) {
        socket.destroy();
        return;
      }
      const length = Buffer.from([reply.length >> 8, reply.length & 0xff]);
      socket.write(Buffer.concat([length, reply]));
    }
    waiting = waiting.subarray(at);
  });
}
