import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isPosition } from '@throwover/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPostgres, testPostgres } from '../checkout/fixtures/postgres.ts';
import { untilFits } from '../functions/fixtures/running-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'checkout-e2e-'));
const stops: Array<() => Promise<void>> = [];
let postgres: TestPostgres;
let pool: { url: string };
let door: { url: string };

async function start<T>(program: string, config: object): Promise<T> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(
    process.execPath,
    ['--conditions=throwover-source', file, JSON.stringify(config)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exit = once(child, 'exit');
  stops.unshift(async () => {
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return JSON.parse(line) as T;
}

beforeAll(async () => {
  postgres = await testPostgres();
  pool = await start('../functions/function-pool.ts', {
    region: 'east',
    awsRegion: 'us-east-1',
    host: '127.0.0.1',
    port: 0,
    function: {
      name: 'checkout',
      alias: 'live',
      env: {
        PGHOST: postgres.host,
        PGPORT: String(postgres.port),
        PGUSER: 'checkout',
        PGDATABASE: 'checkout',
      },
    },
  });
  door = await start('./front-door.ts', {
    region: 'east',
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort: 0,
    functionEndpoint: pool.url,
    functionName: 'checkout',
    alias: 'live',
    stateFile: join(folder, 'door.json'),
  });
});
afterAll(async () => {
  for (const stop of stops) await stop();
  await postgres.close();
  rmSync(folder, { recursive: true });
});

const provisioned = '/2019-09-30/functions/checkout/provisioned-concurrency?Qualifier=live';

async function provisionedStatus(): Promise<{ Status: string; StatusReason?: string }> {
  return (await fetch(`${pool.url}${provisioned}`)).json() as Promise<{ Status: string }>;
}

const provision = (count: number) =>
  fetch(`${pool.url}${provisioned}`, {
    method: 'PUT',
    body: JSON.stringify({ ProvisionedConcurrentExecutions: count }),
  });

async function order(key: string): Promise<Response> {
  return fetch(`${door.url}/orders`, {
    method: 'POST',
    headers: { 'idempotency-key': key, 'content-type': 'application/json' },
    body: JSON.stringify({ amount: 999, currency: 'eur' }),
  });
}

test('an order goes through door, pool, instance and database, and is read back', async () => {
  const made = await order('key-1');
  expect(made.status).toBe(201);
  expect(made.headers.get('throwover-region')).toBe('east');
  expect(isPosition(made.headers.get('throwover-position'))).toBe(true);
  const read = await fetch(`${door.url}/orders/key-1`);
  expect(await read.json()).toEqual(await made.json());
});

test('provisioned instances are READY only when each has its connection to the database', async () => {
  await provision(3);
  await untilFits(provisionedStatus, ({ Status }) => Status === 'READY');
  const { rows } = await postgres.admin.query(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'checkout'`,
  );
  expect(rows[0].n).toBeGreaterThanOrEqual(3);
  const before = (await (await fetch(`${pool.url}/__lab/stats`)).json()) as { coldStarts: number };
  const answers = await Promise.all([order('key-2'), order('key-3'), order('key-4')]);
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
  const after = (await (await fetch(`${pool.url}/__lab/stats`)).json()) as { coldStarts: number };
  expect(after.coldStarts).toBe(before.coldStarts);
  await fetch(`${pool.url}${provisioned}`, { method: 'DELETE' });
});

test('without a database nothing is READY, requests are 503, and both recover by themselves', async () => {
  await postgres.stop();
  await provision(1);
  const failed = await untilFits(provisionedStatus, ({ Status }) => Status === 'FAILED');
  expect(failed.StatusReason).toContain('ECONNREFUSED');
  const answer = await order('key-5');
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  await postgres.start();
  await provision(1);
  await untilFits(provisionedStatus, ({ Status }) => Status === 'READY');
  expect((await order('key-5')).status).toBe(201);
});
