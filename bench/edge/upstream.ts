/** Process: answers every request with the same 1 KB at once, on a bare socket: faster than what stands before it. */
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
    // GET requests alone: a head has no body behind it.
    const heads = (rest + chunk.toString('latin1')).split(end);
    rest = heads.pop() ?? '';
    for (let n = 0; n < heads.length; n++) socket.write(answer);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'));
process.once('disconnect', () => process.exit());
