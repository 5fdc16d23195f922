import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from './clock.ts';
import { atMost, closeServer, type Endpoint, listenAt, urlOf } from './listen.ts';

function serverWith(answer: (res: ServerResponse) => void) {
  const server = createServer((_req, res) => answer(res));
  onTestFinished(() => void server.close());
  return server;
}

test.each([
  [{ host: '192.0.2.1', port: 80 }, 'http://192.0.2.1:80'],
  [{ host: '::1', port: 7610 }, 'http://[::1]:7610'],
  [{ host: 'guard.example.com', port: 7603 }, 'http://guard.example.com:7603'],
])('the URL of %j is %s', (endpoint, url) => {
  expect(urlOf(endpoint)).toBe(url);
});

test.each(['127.0.0.1', '::1'])('listens at %s, and says where', async (host) => {
  const url = urlOf(
    await listenAt(
      serverWith((res) => res.end('here')),
      { host, port: 0 },
    ),
  );
  expect(await (await fetch(url)).text()).toBe('here');
});

test('a taken port is told from other errors', async () => {
  const notListening = (at: Endpoint) =>
    listenAt(
      serverWith(() => {}),
      at,
      ({ taken, message }) => new RangeError(`${taken}: ${message}`),
    ).catch((error: Error) => error.message);
  const first = await listenAt(
    serverWith(() => {}),
    { host: '127.0.0.1', port: 0 },
  );
  expect(await notListening(first)).toBe(`true: 127.0.0.1:${first.port} is taken`);
  const foreign = { host: '192.0.2.1', port: 0 };
  expect(await notListening(foreign)).toMatch(/^false: cannot listen on 192.0.2.1:0: .*EADDRNOT/);
});

test('connections that are idle make room for the next who comes', async () => {
  const server = atMost(
    serverWith((res) => res.end('here')),
    3,
  );
  server.keepAliveTimeout = 600_000;
  const at = await listenAt(server, { host: '127.0.0.1', port: 0 });
  const idle = Array.from({ length: 3 }, () => connect(at.port, at.host));
  for (const socket of idle) {
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
  }
  const asked = () => fetch(urlOf(at), { headers: { connection: 'close' } });
  await expect
    .poll(() =>
      asked()
        .then((answer) => answer.text())
        .catch(String),
    )
    .toBe('here');
  for (const socket of idle) socket.destroy();
});

test('a close waits for the answers in flight', async () => {
  const held: ServerResponse[] = [];
  const server = serverWith((res) => held.push(res));
  const url = urlOf(await listenAt(server, { host: '127.0.0.1', port: 0 }));
  const answer = fetch(url);
  await once(server, 'request');
  const closing = closeServer(server, { clock: systemClock, graceMs: 60_000 });
  held[0]?.end('whole');
  expect(await (await answer).text()).toBe('whole');
  await closing;
});

test('a close cuts what does not end in its grace', async () => {
  const server = serverWith(() => {});
  const url = urlOf(await listenAt(server, { host: '127.0.0.1', port: 0 }));
  const answer = fetch(url).catch(() => 'cut');
  await once(server, 'request');
  await closeServer(server, { clock: systemClock, graceMs: 1 });
  expect(await answer).toBe('cut');
});
