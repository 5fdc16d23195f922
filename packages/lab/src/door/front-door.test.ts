import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, systemRandom } from 'throwover/kernel';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { poolConfig } from '../functions/config.ts';
import { startFunctionPool } from '../functions/function-pool.ts';
import { doorConfig, startFrontDoor } from './front-door.ts';

const folder = mkdtempSync(join(tmpdir(), 'front-door-'));
const codeDir = fileURLToPath(new URL('./fixtures/', import.meta.url));

type Running = Awaited<ReturnType<typeof startFrontDoor>>;
let pool: Running;
let door: Running;
let number = 0;

const url = (path: string) => `${door.addresses['url']}${path}`;

async function startPool(limits = {}): Promise<Running> {
  const config = poolConfig.parse({
    region: 'east',
    host: '127.0.0.1',
    port: 0,
    function: { name: 'checkout', alias: 'live', codeDir, handler: 'echo.handler' },
    limits,
  });
  return startFunctionPool(config, systemClock, systemRandom);
}

async function startDoor(functionEndpoint: string, alias = 'live'): Promise<Running> {
  number += 1;
  const config = doorConfig.parse({
    region: 'east',
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort: 0,
    functionEndpoint,
    functionName: 'checkout',
    alias,
    stateFile: join(folder, `${number}`, 'door.json'),
  });
  return startFrontDoor(config, systemClock);
}

beforeAll(async () => {
  pool = await startPool();
});
afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  door = await startDoor(pool.addresses['url'] ?? '');
});
afterEach(() => door.close());

test('a request becomes an event of API Gateway, and its result the answer', async () => {
  const answer = await fetch(url('/orders/a%2Fb?limit=2&x=%20'), {
    method: 'POST',
    headers: { 'Idempotency-Key': 'key-1' },
    body: 'grüße',
  });
  expect(answer.status).toBe(201);
  expect(answer.headers.get('x-number')).toBe('7');
  expect(answer.headers.get('throwover-region')).toBe('east');
  expect(answer.headers.get('throwover-epoch')).toBe('1');
  expect(await answer.json()).toMatchObject({
    version: '2.0',
    rawPath: '/orders/a%2Fb',
    rawQueryString: 'limit=2&x=%20',
    headers: { 'idempotency-key': 'key-1' },
    requestContext: { http: { method: 'POST', sourceIp: '127.0.0.1' } },
    body: Buffer.from('grüße').toString('base64'),
    isBase64Encoded: true,
  });
});

test('bytes survive both ways, and cookies are headers of their own', async () => {
  const body = Buffer.from([0, 255, 128, 10]);
  const answer = await fetch(url('/binary'), { method: 'POST', body });
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(body);
  const cookies = await fetch(url('/cookies'));
  expect([cookies.status, cookies.headers.getSetCookie()]).toEqual([204, ['a=1', 'b=2']]);
});

test.each([
  ['/throw', 'function-error'],
  ['/nonsense', 'function-answer'],
])('a function that fails (%s) is 502', async (path, code) => {
  const answer = await fetch(url(path));
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ error: { code } });
});

test('a body past the limit is 413 and invokes nothing', async () => {
  const answer = await fetch(url('/'), { method: 'POST', body: Buffer.alloc(4 * 1024 * 1024 + 1) });
  expect(answer.status).toBe(413);
});

async function expectUnavailable(code: string): Promise<void> {
  const answer = await fetch(url('/orders'));
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await answer.json()).toMatchObject({ error: { code } });
}

test('a function without capacity, without alias or without its pool is 503 with Retry-After', async () => {
  const small = await startPool({ account: 1, unreservedMinimum: 0 });
  const endpoint = small.addresses['url'] ?? '';
  await fetch(`${endpoint}/2017-10-31/functions/checkout/concurrency`, {
    method: 'PUT',
    body: '{"ReservedConcurrentExecutions":0}',
  });
  await door.close();
  door = await startDoor(endpoint);
  await expectUnavailable('functions-throttled');
  await door.close();
  door = await startDoor(endpoint, 'no-such-alias');
  await expectUnavailable('functions-failed');
  await small.close();
  await expectUnavailable('functions-unreachable');
});

test('the admin port shows the door and moves it; the door stays where it was put', async () => {
  const admin = `${door.addresses['adminUrl']}/v1/door`;
  await fetch(url('/'));
  expect(await (await fetch(admin)).json()).toMatchObject({
    region: 'east',
    served: 1,
    current: { mode: 'serve', epoch: 1 },
  });
  const other = await startDoor(pool.addresses['url'] ?? '');
  try {
    const mode = { mode: 'forward', epoch: 2, region: 'west', url: other.addresses['url'] };
    const put = await fetch(admin, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ region: 'east', mode, token: 1 }),
    });
    expect(put.status).toBe(200);
    const answer = await fetch(url('/'));
    expect(await answer.json()).toMatchObject({ headers: { 'throwover-forwarded': 'east@2' } });
  } finally {
    await other.close();
  }
});
