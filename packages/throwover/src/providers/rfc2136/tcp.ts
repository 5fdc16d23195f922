import { connect } from 'node:net';
import { type Clock, withDeadline } from '../../kernel/kernel.ts';
import { trafficErrors } from '../../traffic/traffic.ts';

/**
 * Longest time for connection, question and answer together, ms: a server on the other side of the
 * world answers in 0.3 s.
 */
const deadlineMs = 5_000;

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** Parses `1.2.3.4:53` or `[2001:db8::1]:53`, which the schema has already checked. */
export function parseServer(text: string): ServerAddress {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
}

/**
 * Sends one question over a separate TCP connection and returns the answer. Errors:
 * `dns-unreachable`.
 */
export function exchange(server: ServerAddress, question: Buffer, clock: Clock): Promise<Buffer> {
  return withDeadline(clock, deadlineMs, (signal) => exchangeUntil(server, question, signal));
}

async function exchangeUntil(
  { host, port }: ServerAddress,
  question: Buffer,
  signal: AbortSignal,
): Promise<Buffer> {
  const where = `${host} port ${port}`;
  const socket = connect({ host, port, signal, noDelay: true });
  try {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(question.length);
    socket.write(Buffer.concat([length, question]));
    let read = Buffer.alloc(0);
    for await (const chunk of socket) {
      read = Buffer.concat([read, chunk as Buffer]);
      if (read.length < 2) continue;
      const size = read.readUInt16BE(0);
      if (read.length < size + 2) continue;
      const answer = read.subarray(2, size + 2);
      if (size < 12 || answer.readUInt16BE(0) !== question.readUInt16BE(0)) {
        throw new Error('an answer to another question');
      }
      return answer;
    }
    throw new Error('the connection was closed without an answer');
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    const words = cause.name === 'AbortError' ? `no answer within ${deadlineMs} ms` : cause.message;
    throw trafficErrors.make('dns-unreachable', `${where}: ${words}`, { host, port }, cause);
  } finally {
    socket.destroy();
  }
}
