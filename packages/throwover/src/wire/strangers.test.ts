import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Hono } from 'hono';
import { afterEach, expect, it, test } from 'vitest';
import { z } from 'zod';
import { defineErrors } from '../kernel/kernel.ts';
import { controlServer } from './control-server.ts';
import { Routes } from './routes.ts';
import { type CallTable, nothing } from './wire.ts';

const errors = defineErrors({
  bad: { disposition: 'stop', notLost: 'Nothing was changed.', remedy: 'Call it right.' },
});
const calls = {
  look: {
    ...{ method: 'GET', path: '/v1/things', says: 'Things', deadlineMs: 5_000, repeat: true },
    ...{ roles: ['viewer'], output: z.string() },
  },
  change: {
    ...{ method: 'PUT', path: '/v1/things', says: 'Changes', deadlineMs: 5_000, repeat: true },
    ...{ roles: ['viewer'], body: z.strictObject({ to: z.string() }), output: nothing },
  },
} as const satisfies CallTable;

const megabyte = 1024 ** 2;
const open = new Set<Server>();
let changes = 0;

afterEach(() => {
  for (const server of open) server.close().closeAllConnections();
  open.clear();
});

async function serving(options: { patienceMs?: number } = {}) {
  changes = 0;
  const app = new Hono();
  new Routes(app, {
    title: 'a process',
    table: { things: calls },
    maxBodyBytes: 2 * megabyte,
    badCall: (message) => errors.make('bad', message),
  }).add(calls, {
    look: () => 'here',
    change: () => {
      changes += 1;
    },
  });
  const server = controlServer(app, options).listen(0, '127.0.0.1');
  open.add(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}/v1/things` };
}

const head = (bytes: number) =>
  `PUT /v1/things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`;

/** Sends a head and a part of a long body, and not the rest. */
async function unfinished(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(`${head(2 * megabyte)}{"to":"`);
  return socket;
}

const put = (url: string, to: string, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ to }),
  });

it.each([
  ['a page of another site', 'https://evil.example', 'application/json'],
  ['a page whose type needs no permission', 'https://evil.example', 'text/plain'],
  ['a page without a site of its own', 'null', 'application/json'],
])('no call of %s is read', async (_what, origin, type) => {
  const { url } = await serving();
  const answer = await put(url, 'x', { origin, 'content-type': type });
  expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'call-from-a-page' }]);
  expect((await fetch(url, { headers: { origin } })).status).toBe(403);
  expect(changes).toBe(0);
});

it('many large bodies at once are refused, small calls are answered, and the room comes back', async () => {
  const { port, url } = await serving();
  const sockets = await Promise.all(Array.from({ length: 40 }, () => unfinished(port)));
  const refused = (socket: Socket) =>
    once(socket, 'data').then(([data]) => [socket, `${data}`] as const);
  const first = await Promise.race(sockets.map(refused));
  expect(first[1]).toMatch(/^HTTP\/1.1 503 /);
  expect(first[1]).toContain('"process-busy"');
  expect((await put(url, 'small')).status).toBe(200);
  const large = () => put(url, 'x'.repeat(1.5 * megabyte));
  expect((await large()).status).toBe(503);
  for (const socket of sockets) socket.destroy();
  await expect.poll(async () => (await large()).status).toBe(200);
  expect(changes).toBe(2);
});

test.each([
  ['nothing', ''],
  ['half a head', 'GET /v1/things HTTP/1.1\r\nhost:'],
])('a connection that sends %s is closed', async (_what, sent) => {
  const { port, url } = await serving({ patienceMs: 100 });
  const socket = connect(port, '127.0.0.1');
  socket.write(sent);
  expect(await text(socket)).toMatch(/^$|^HTTP\/1.1 408 /);
  expect((await fetch(url)).status).toBe(200);
});
