import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { FunctionFacts, FunctionRegion } from '../../functions/function-region.ts';
import { systemClock } from '../../kernel/kernel.ts';
import { lambdaRegion } from './lambda.ts';

/** The lab's function pool as a process, which speaks the wire protocol. */
const poolProgram = fileURLToPath(
  new URL('../../../../lab/src/functions/function-pool.ts', import.meta.url),
);
const probeDir = fileURLToPath(new URL('../../../../lab/src/functions/fixtures/', import.meta.url));

const before = { ...process.env };
const stops: Array<() => Promise<void>> = [];

beforeAll(() => {
  process.env['AWS_ACCESS_KEY_ID'] = 'lab';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'lab';
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => {
  process.env = before;
});

async function pool(
  options: { env?: Record<string, string>; limits?: Record<string, number>; handler?: string } = {},
): Promise<string> {
  const config = {
    region: 'west',
    host: '127.0.0.1',
    port: 0,
    function: {
      name: 'checkout',
      alias: 'live',
      codeDir: probeDir,
      handler: options.handler ?? 'probe.handler',
      env: options.env ?? {},
    },
    limits: options.limits ?? {},
  };
  const child = spawn(
    process.execPath,
    ['--conditions=throwover-source', poolProgram, JSON.stringify(config)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exit = once(child, 'exit');
  stops.push(async () => {
    child.kill('SIGTERM');
    await exit;
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return (JSON.parse(line) as { url: string }).url;
}

function regionAt(endpoint: string, changes: { functionName?: string } = {}): FunctionRegion {
  return lambdaRegion({
    region: 'west',
    awsRegion: 'us-west-2',
    endpoint,
    functionName: 'checkout',
    alias: 'live',
    clock: systemClock,
    ...changes,
  });
}

async function until(region: FunctionRegion, status: string): Promise<FunctionFacts> {
  for (;;) {
    const facts = await region.facts();
    if (facts.provisioned?.status === status) return facts;
    await systemClock.sleep(20);
  }
}

test('facts say what is provisioned, the limits and what must be alike', async () => {
  const url = await pool({ env: { B: 'two', A: 'one' } });
  const facts = await regionAt(url).facts();
  expect(facts).toMatchObject({
    region: 'west',
    provisioned: null,
    accountLimit: 100,
    unreservedLimit: 100,
    reserved: null,
    parity: { runtime: 'nodejs24.x', memoryMb: '512', handler: 'probe.handler' },
  });
  expect(facts.parity['environment']).toBe('A,B');
  expect(facts.parity['code']).toMatch(/^\S{44}$/);
});

test('provision becomes ready, changes nothing when repeated, and release takes it back', async () => {
  const region = regionAt(await pool());
  await region.provision(2);
  expect((await region.facts()).provisioned).toMatchObject({ requested: 2 });
  const ready = await until(region, 'ready');
  expect(ready.provisioned).toEqual({ requested: 2, ready: 2, status: 'ready', reason: null });
  await region.provision(2);
  expect((await region.facts()).provisioned?.status).toBe('ready');
  await region.release();
  expect((await region.facts()).provisioned).toBeNull();
  await region.release();
});

test('a start that fails is reported with its reason', async () => {
  const region = regionAt(await pool({ env: { PROBE_INIT: 'fail' } }));
  await region.provision(1);
  const { provisioned } = await until(region, 'failed');
  expect(provisioned).toMatchObject({ requested: 1, ready: 0 });
  expect(provisioned?.reason).toContain('init was told to fail');
});

test('more than the account allows is a quota, with what Lambda said', async () => {
  const region = regionAt(await pool({ limits: { account: 20, unreservedMinimum: 10 } }));
  await expect(region.provision(11)).rejects.toMatchObject({
    code: 'functions-quota',
    disposition: 'stop',
    evidence: { region: 'west', answer: 'InvalidParameterValueException' },
  });
  expect((await region.facts()).provisioned).toBeNull();
});

test('a function that is not there is missing, not away', async () => {
  const region = regionAt(await pool(), { functionName: 'other' });
  await expect(region.facts()).rejects.toMatchObject({ code: 'functions-missing' });
});

test('nobody there is functions-unreachable, which may be tried again', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await expect(regionAt(`http://127.0.0.1:${port}`).facts()).rejects.toMatchObject({
    code: 'functions-unreachable',
    disposition: 'retry',
  });
});

test.each([
  { status: 403, type: 'AccessDeniedException', code: 'functions-denied' },
  { status: 409, type: 'ResourceConflictException', code: 'functions-unreachable' },
  { status: 400, type: 'InvalidRequestContentException', code: 'functions-refused' },
])('$status $type is $code', async ({ status, type, code }) => {
  const server = createServer((_, res) => {
    res.writeHead(status, { 'x-amzn-errortype': type, 'content-type': 'application/json' });
    res.end(JSON.stringify({ message: 'no' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  await expect(regionAt(`http://127.0.0.1:${port}`).release()).rejects.toMatchObject({ code });
});

test('warm-up invocations that are held reach as many instances as were asked for, each counted once', async () => {
  const region = regionAt(await pool({ handler: 'wrapped.handler' }));
  const { timeoutMs } = await region.facts();
  let holdMs = 500;
  // A slow machine starts them one after the other, so they are held longer, as the step does.
  for (;;) {
    const round = await region.warmUp({ instances: 4, holdMs });
    expect(new Set(round.instances).size).toBe(round.instances.length);
    expect(round).toMatchObject({ requests: 5, throttled: 0, failed: 0 });
    if (round.instances.length === 4) break;
    holdMs *= 2;
    expect(holdMs).toBeLessThan(timeoutMs);
  }
});

test('a function without the wrapper sees one warm-up, and no more', async () => {
  const region = regionAt(await pool());
  await expect(region.warmUp({ instances: 4, holdMs: 10 })).rejects.toMatchObject({
    code: 'functions-not-wrapped',
  });
});

test('warm-ups beyond the concurrency are counted as throttled', async () => {
  const limits = { account: 2, unreservedMinimum: 0 };
  const region = regionAt(await pool({ handler: 'wrapped.handler', limits }));
  const round = await region.warmUp({ instances: 5, holdMs: 1_000 });
  expect(round.throttled).toBeGreaterThan(0);
  expect(round.instances.length).toBeLessThanOrEqual(2);
});
