import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';

export interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Starts a receiver that takes every posted notice, or answers 500 to each. */
export async function startReceiver(status: 200 | 500) {
  const posted: Posted[] = [];
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    posted.push({ headers: req.headers, body: Buffer.concat(chunks).toString('utf8') });
    res.writeHead(status).end();
  });
  return { posted, url: `http://127.0.0.1:${await portOf(server)}`, close: () => server.close() };
}

/**
 * Starts a mail server with just enough of RFC 5321 to take messages, or to refuse their
 * recipients.
 */
export async function startMailServer({ refuse = false } = {}) {
  const lines: string[] = [];
  const server = createTcpServer((socket) => {
    let inData = false;
    const say = (text: string) => socket.write(`${text}\r\n`);
    say('220 lab');
    createInterface({ input: socket }).on('line', (line) => {
      lines.push(line);
      if (inData) {
        if (line !== '.') return;
        inData = false;
        say('250 taken');
      } else if (line.startsWith('RCPT') && refuse) say('550 nobody here');
      else if (line === 'DATA') {
        inData = true;
        say('354 go on');
      } else if (line === 'QUIT') socket.end('221 bye\r\n');
      else say('250 ok');
    });
  });
  return { lines, url: `smtp://127.0.0.1:${await portOf(server)}`, close: () => server.close() };
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
