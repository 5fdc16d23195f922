import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createNetServer, type Socket } from 'node:net';
import { Agent } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { systemClock } from './clock.ts';
import { defineErrors } from './errors.ts';
import { answeredValue, httpCall, jsonCall } from './http-call.ts';
import { listenAt, urlOf } from './listen.ts';
import { createVirtualClock } from './virtual-clock.fixture.ts';

const errors = defineErrors({
  'not-today': { disposition: 'stop', exit: 'refused', notLost: 'Nothing.', remedy: 'Wait.' },
  away: { disposition: 'retry', answered: false, notLost: 'Nothing.', remedy: 'Wait.' },
});

async function serving(answer: (res: ServerResponse, req: IncomingMessage) => void) {
  const server = createServer((req, res) => answer(res, req));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, url: urlOf(await listenAt(server, { host: '127.0.0.1', port: 0 })) };
}

const usual = { deadlineMs: 60_000, maxBytes: 1_000, clock: systemClock };
const output = z.object({ epoch: z.number() });
const asked = (url: string, more: object = {}) =>
  answeredValue(jsonCall({ url, output, ...usual, ...more }), (why, cause) =>
    errors.make('away', why, {}, cause),
  );

test('an answer is a value; what is asked goes as JSON', async () => {
  let told = '';
  const { url } = await serving(async (res, req) => {
    for await (const part of req) told += part;
    res.end(JSON.stringify({ epoch: 7 }));
  });
  expect(await asked(url, { method: 'POST', input: { region: 'east' } })).toEqual({ epoch: 7 });
  expect(JSON.parse(told)).toEqual({ region: 'east' });
});

test('a refusal is the error of the process that refused, with all that its definition says', async () => {
  const error = errors.make('not-today', 'a holiday', { day: 'Monday' });
  const { url } = await serving((res) => res.writeHead(409).end(JSON.stringify(error.toJSON())));
  await expect(asked(url)).rejects.toMatchObject({
    ...{ code: 'not-today', exit: 'refused', answered: true, evidence: { day: 'Monday' } },
  });
});

test.each([
  ['another form', 200, JSON.stringify({ epoch: 'seven' }), /another form/],
  ['no JSON', 200, '<html>', /answers 200 without JSON/],
  ['an error of somebody else', 502, JSON.stringify({ message: 'Bad Gateway' }), /answers 502/],
  [
    'more than is read',
    200,
    JSON.stringify({ epoch: 7, more: 'x'.repeat(2_000) }),
    /more than 1000/,
  ],
])('%s counts as no answer', async (_what, status, body, why) => {
  const { url } = await serving((res) => res.writeHead(status).end(body));
  await expect(asked(url)).rejects.toMatchObject({ code: 'away', answered: false });
  await expect(asked(url)).rejects.toThrow(why);
});

test('an answer of another version is told apart from no answer, where somebody asks', async () => {
  const { url } = await serving((res) => res.end(JSON.stringify({ epoch: 'seven' })));
  const answered = answeredValue(
    jsonCall({ url, output, ...usual }),
    (why) => errors.make('away', why),
    (why) => errors.make('not-today', why),
  );
  await expect(answered).rejects.toMatchObject({ code: 'not-today' });
});

test('a port where nobody listens', async () => {
  const { server, url } = await serving(() => {});
  server.close();
  await once(server, 'close');
  await expect(asked(url)).rejects.toThrow('ECONNREFUSED');
});

test.each([
  ['headers', (_res: ServerResponse) => {}],
  ['the end of the body', (res: ServerResponse) => void res.write('{')],
])('the deadline is by the clock, and covers %s', async (_what, answer) => {
  const clock = createVirtualClock();
  const { server, url } = await serving(answer);
  const call = httpCall({ url, ...usual, deadlineMs: 2_000, clock });
  const failed = expect(call).rejects.toThrow('no answer within 2000 ms');
  await once(server, 'request');
  await clock.advance(1_999);
  await clock.advance(1);
  await failed;
});

test('a machine that takes the connection and never ends the handshake of TLS costs the deadline, and not more', async () => {
  const frozen = createNetServer(() => {});
  const { port } = await listenAt(frozen, { host: '127.0.0.1', port: 0 });
  const sockets = new Set<Socket>();
  frozen.on('connection', (socket) => sockets.add(socket));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    frozen.close();
  });
  const dispatcher = new Agent();
  onTestFinished(() => dispatcher.destroy());
  const call = { url: `https://127.0.0.1:${port}`, dispatcher, clock: systemClock };
  await expect(httpCall({ ...call, deadlineMs: 200, maxBytes: 1_000 })).rejects.toThrow(
    'no answer within 200 ms',
  );
});
