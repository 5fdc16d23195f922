/**
 * Process: answers every request at once with the same 1 KB, on a bare socket: faster than the
 * proxy in front of it.
 */
import { createServer } from 'node:net';

const body = 'x'.repeat(1_024);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
);
const end = '\r\n\r\n';

const server = createServer({ noDelay: true }, (socket) => {
  let rest = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    // GET requests only: they have no body after the head.
    const heads = (rest + chunk.toString('latin1')).split(end);
    rest = heads.pop() ?? '';
    for (let n = 0; n < heads.length; n++) socket.write(answer);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'));
process.once('disconnect', () => process.exit());
