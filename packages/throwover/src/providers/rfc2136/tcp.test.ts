import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { closeServer, listenAt, systemClock } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { exchange } from './tcp.ts';

const sockets: Socket[] = [];
let server = createServer();
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await closeServer(server, { clock: systemClock, graceMs: 0 });
});

test('a server that takes the question and says nothing is away after 5 s of the clock', async () => {
  const asked = Promise.withResolvers<void>();
  server = createServer((socket) => {
    sockets.push(socket);
    socket.once('data', () => asked.resolve());
  });
  const { port } = await listenAt(server, { host: '127.0.0.1', port: 0 });
  const clock = createVirtualClock();
  const answer = exchange({ host: '127.0.0.1', port }, Buffer.alloc(12), clock);
  const failed = expect(answer).rejects.toMatchObject({
    code: 'dns-unreachable',
    message: `127.0.0.1 port ${port}: no answer within 5000 ms`,
  });
  await asked.promise;
  await clock.advance(5_000);
  await failed;
});
