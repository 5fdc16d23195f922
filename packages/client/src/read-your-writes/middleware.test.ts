import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { positionOf } from '../position.ts';
import {
  expressReadYourWrites,
  fastifyReadYourWrites,
  type ReadYourWritesOptions,
  type RequestScope,
} from './middleware.ts';
import { signToken, type Token } from './token.ts';

const keys = ['a key of 32 bytes or more, for tests'];
const token = (lsn: string): Token => ({ position: positionOf(1, lsn), xid: '700' });

let close: (() => void)[] = [];
afterEach(() => {
  for (const end of close) end();
  close = [];
});

/** A real HTTP exchange through the middleware, as Express would make it. */
async function exchange(
  options: ReadYourWritesOptions,
  request: Record<string, string>,
  handle: (scope: RequestScope) => void | Promise<void>,
): Promise<Response> {
  const middleware = expressReadYourWrites(options);
  const server = createServer((incoming, answer) => {
    middleware(incoming, answer, () => {
      const { throwover } = incoming as IncomingMessage & { throwover: RequestScope };
      void Promise.resolve(handle(throwover)).then(() => (answer as ServerResponse).end());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close.push(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close', ...request } });
}

/** No query may be sent. */
const untouched = {
  query: async () => {
    throw new Error('the database was asked');
  },
};

test('a token that was issued comes back with the next request; the later of two stays', async () => {
  const first = await exchange({ keys }, {}, (scope) => {
    expect([scope.token, scope.refusal]).toEqual([null, null]);
    scope.issue(token('0/20'));
    scope.issue(token('0/10'));
    scope.issue(null);
  });
  const given = first.headers.get('throwover-token') ?? '';
  expect(given).toBe(signToken(token('0/20'), keys));
  const second = await exchange({ keys }, { 'throwover-token': given }, (scope) => {
    expect(scope.token).toEqual(token('0/20'));
  });
  expect(second.headers.get('throwover-token')).toBeNull();
});

test('without a token a read does not ask the database; with a forged one it says unknown, and may go to the writer', async () => {
  await exchange({ keys }, {}, async (scope) => {
    expect(await scope.waitFor(untouched)).toMatchObject({
      ...{ outcome: 'satisfied', reason: 'no-token', given: 'no-token' },
    });
  });
  const forged = signToken(token('0/10'), ['somebody else’s key of 32 bytes or more']);
  await exchange({ keys }, { 'throwover-token': forged }, async (scope) => {
    expect(scope.refusal).toBe('bad-signature');
    expect(await scope.waitFor(untouched)).toMatchObject({
      outcome: 'unknown',
      reason: 'bad-signature',
      routed: false,
    });
    const writer = { ...untouched };
    const routed = await scope.waitFor(untouched, { route: async () => writer });
    expect([routed.client, routed.given]).toEqual([writer, 'bad-signature']);
  });
});

test('a cookie is set beside others, read again, and taken back when a loss was told', async () => {
  const options = { keys, cookie: { name: 'seen' } };
  const first = await exchange(options, {}, (scope) => scope.issue(token('0/20')));
  const [cookie = ''] = first.headers.getSetCookie();
  expect(cookie).toBe(
    `seen=${signToken(token('0/20'), keys)}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure`,
  );
  const carried = `other=1; ${cookie.split(';')[0]}; unseen=2`;
  const second = await exchange(options, { cookie: carried }, (scope) => {
    expect(scope.token).toEqual(token('0/20'));
    scope.forget();
    expect(scope.token).toBeNull();
  });
  expect(second.headers.getSetCookie()[0]).toContain('seen=; Path=/; Max-Age=0');
  expect(second.headers.get('throwover-token')).toBe('');
});

test('as a Fastify plugin it decorates requests, hooks onRequest, and is not encapsulated', () => {
  const plugin = fastifyReadYourWrites({ keys });
  expect(Reflect.get(plugin, Symbol.for('skip-override'))).toBe(true);
  const decorated: string[] = [];
  const answered: Record<string, string> = {};
  const request = { headers: { 'throwover-token': signToken(token('0/20'), keys) } };
  let done = 0;
  const reply = { header: (name: string, value: string) => (answered[name] = value) };
  plugin(
    {
      decorateRequest: (name) => decorated.push(name),
      addHook: (_name, hook) => hook(request, reply, () => done++),
    },
    {},
    () => done++,
  );
  const { throwover } = request as unknown as { throwover: RequestScope };
  expect(throwover.token).toEqual(token('0/20'));
  throwover.issue(token('0/30'));
  expect(answered['throwover-token']).toBe(signToken(token('0/30'), keys));
  expect([decorated, done]).toEqual([['throwover'], 2]);
});
