import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { functionsConformance } from '../../functions/conformance.ts';
import type { FunctionRegion } from '../../functions/function-region.ts';
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

/** Returns the address of a port on which nothing listens. */
async function nobody(): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return `http://127.0.0.1:${port}`;
}

functionsConformance("Lambda's functions, in the lab's pool,", async () => {
  const limits = { account: 20, unreservedMinimum: 10 };
  return {
    function: async (deployed) => {
      switch (deployed) {
        case 'plain':
          return regionAt(await pool({ limits }));
        case 'wrapped':
          return regionAt(await pool({ limits, handler: 'wrapped.handler' }));
        case 'broken':
          return regionAt(await pool({ limits, env: { PROBE_INIT: 'fail' } }));
        case 'missing':
          return regionAt(await pool({ limits }), { functionName: 'other' });
        case 'gone':
          return regionAt(await nobody());
      }
    },
    until: async (region, fits) => {
      for (;;) {
        const facts = await region.facts();
        if (facts.provisioned !== null && fits(facts.provisioned)) return facts;
        await systemClock.sleep(20);
      }
    },
    end: async () => {
      for (const stop of stops.splice(0)) await stop();
    },
  };
});

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

test('more than the account allows is a quota, with what Lambda said', async () => {
  const region = regionAt(await pool({ limits: { account: 20, unreservedMinimum: 10 } }));
  await expect(region.provision(11)).rejects.toMatchObject({
    code: 'functions-quota',
    disposition: 'stop',
    evidence: { region: 'west', answer: 'InvalidParameterValueException' },
  });
  expect((await region.facts()).provisioned).toBeNull();
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
