import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteFunctionConcurrencyCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetAccountSettingsCommand,
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  LambdaClient,
  ListAliasesCommand,
  ListProvisionedConcurrencyConfigsCommand,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { alive, poolHere, type RunningPool, untilFits } from './fixtures/running-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'function-pool-'));
const gate = join(folder, 'gate');
const open: Array<{ destroy(): unknown } | { close(): Promise<void> }> = [];
let pool: RunningPool;
let lambda: LambdaClient;

const FunctionName = 'checkout';
const Qualifier = 'live';

async function start(changes: Parameters<typeof poolHere>[0] = {}) {
  pool = await poolHere(changes);
  lambda = new LambdaClient({
    endpoint: pool.url,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'lab', secretAccessKey: 'lab' },
  });
  open.push(pool, lambda);
}

async function invoke(event: unknown = {}, qualifier = Qualifier) {
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName,
      Qualifier: qualifier,
      Payload: Buffer.from(JSON.stringify(event)),
    }),
  );
  return { ...answer, body: JSON.parse(Buffer.from(answer.Payload ?? []).toString()) };
}

const provision = (count: number) =>
  lambda.send(
    new PutProvisionedConcurrencyConfigCommand({
      FunctionName,
      Qualifier,
      ProvisionedConcurrentExecutions: count,
    }),
  );

const provisioned = () =>
  lambda.send(new GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier }));

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

beforeAll(() => writeFileSync(gate, ''));
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await ('close' in one ? one.close() : one.destroy());
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the first request is cold and the next finds that instance warm', async () => {
  await start();
  const first = await invoke();
  const second = await invoke();
  expect(first.ExecutedVersion).toBe('2');
  expect(second.body).toEqual({ ...first.body, served: 2 });
  expect(first.body.initialization).toBe('on-demand');
  const stats = await pool.stats();
  expect(stats).toMatchObject({ instances: 1, idle: 1, coldStarts: 1, invocations: 2 });
  expect(stats.initMs?.count).toBe(1);
});

test('an instance handles one request at a time; a burst starts one instance for each request', async () => {
  await start();
  writeFileSync(gate, '');
  const burst = Array.from({ length: 3 }, () => invoke({ whileFile: gate }));
  await pool.until(({ busy }) => busy === 3);
  rmSync(gate);
  const answers = await Promise.all(burst);
  expect(new Set(answers.map(({ body }) => body.pid)).size).toBe(3);
  expect(answers.map(({ body }) => body.together)).toEqual([1, 1, 1]);
  expect(await pool.stats()).toMatchObject({ coldStarts: 3, peakConcurrency: 3, idle: 3 });
});

test('a request keeps waiting for its own cold instance although another becomes free first', async () => {
  await start();
  writeFileSync(gate, '');
  const first = invoke({ whileFile: gate });
  await pool.until(({ busy }) => busy === 1);
  const second = invoke();
  await pool.until(({ coldStarts }) => coldStarts === 2);
  rmSync(gate);
  const [a, b] = await Promise.all([first, second]);
  expect(a.body.pid).not.toBe(b.body.pid);
  expect(b.body.served).toBe(1);
});

test('a request whose start has not begun takes what is free first, a provisioned instance too', async () => {
  await start({ limits: { startsAtOnce: 1 } });
  await provision(1);
  await untilFits(provisioned, ({ Status }) => Status === 'READY');
  writeFileSync(gate, '');
  const warm = invoke({ whileFile: gate });
  await pool.until(({ busy }) => busy === 1);
  const own = invoke({ whileFile: gate });
  await pool.until(({ starting }) => starting === 1);
  const behind = invoke({ whileFile: gate });
  await pool.until(({ inLine, starting, busy }) => inLine + starting + busy === 3);
  rmSync(gate);
  const answers = await Promise.all([warm, own, behind]);
  expect(answers.map(({ body }) => body.together)).toEqual([1, 1, 1]);
  expect(answers[1]?.body).toMatchObject({ initialization: 'on-demand', served: 1 });
  expect(await pool.stats()).toMatchObject({ inLine: 0, invocations: 3, throttles: 0 });
});

test('no burst starts more instances together than the machine can', async () => {
  await start({ limits: { startsAtOnce: 2 } });
  const burst = Array.from({ length: 12 }, () => invoke());
  let most = 0;
  await pool.until(({ starting, invocations }) => {
    most = Math.max(most, starting);
    return invocations === 12;
  });
  const answers = await Promise.all(burst);
  expect(most).toBeLessThanOrEqual(2);
  expect(answers.every(({ FunctionError }) => FunctionError === undefined)).toBe(true);
  expect((await pool.stats()).coldStarts).toBeLessThan(12);
});

test('the log tail of a cold request names its init duration, that of a warm one does not', async () => {
  await start();
  const tail = async () => {
    const command = new InvokeCommand({ FunctionName, Qualifier, LogType: 'Tail' });
    return Buffer.from((await lambda.send(command)).LogResult ?? '', 'base64').toString();
  };
  expect(await tail()).toMatch(/REPORT RequestId: req_.*Init Duration: \d+/);
  expect(await tail()).not.toContain('Init Duration');
});

test('DryRun checks and starts nothing', async () => {
  await start();
  const command = new InvokeCommand({ FunctionName, Qualifier, InvocationType: 'DryRun' });
  expect((await lambda.send(command)).StatusCode).toBe(204);
  expect(await pool.stats()).toMatchObject({ instances: 0, invocations: 0 });
});

test('provisioned instances: IN_PROGRESS, then READY, used without a cold start, gone after the delete', async () => {
  await start();
  const put = await provision(3);
  expect(put).toMatchObject({ RequestedProvisionedConcurrentExecutions: 3, Status: 'IN_PROGRESS' });
  const ready = await untilFits(provisioned, ({ Status }) => Status === 'READY');
  expect(ready.AvailableProvisionedConcurrentExecutions).toBe(3);
  const list = await lambda.send(new ListProvisionedConcurrencyConfigsCommand({ FunctionName }));
  expect(list.ProvisionedConcurrencyConfigs).toHaveLength(1);
  expect((await invoke()).body.initialization).toBe('provisioned-concurrency');
  expect(await pool.stats()).toMatchObject({ instances: 3, coldStarts: 0 });

  const remove = new DeleteProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier });
  await lambda.send(remove);
  await pool.until(({ instances }) => instances === 0);
  expect(await failure(provisioned())).toMatchObject({
    name: 'ProvisionedConcurrencyConfigNotFoundException',
  });
  await lambda.send(remove);
});

test('a version is not served by what was provisioned for the alias', async () => {
  await start();
  await provision(1);
  await untilFits(provisioned, ({ Status }) => Status === 'READY');
  expect((await invoke({}, '2')).body.initialization).toBe('on-demand');
});

test('the number of provisioned instances follows a second put, up and down', async () => {
  await start();
  await provision(1);
  await untilFits(provisioned, ({ Status }) => Status === 'READY');
  await provision(3);
  expect((await provisioned()).Status).toBe('IN_PROGRESS');
  await pool.until(({ idle }) => idle === 3);
  await provision(2);
  const stats = await pool.until(({ instances }) => instances === 2);
  expect(stats).toMatchObject({ died: 0, provisioned: [{ status: 'READY', available: 2 }] });
});

test('a provisioned instance that dies is replaced', async () => {
  await start();
  await provision(1);
  await untilFits(provisioned, ({ Status }) => Status === 'READY');
  const { body } = await invoke();
  process.kill(body.pid, 'SIGKILL');
  await pool.until(({ died, idle }) => died === 1 && idle === 1);
  expect((await invoke()).body.pid).not.toBe(body.pid);
  expect((await provisioned()).Status).toBe('READY');
});

test('a function whose init fails is FAILED with the reason, and stops trying', async () => {
  await start({ function: { name: 'checkout', alias: 'live', env: { PROBE_INIT: 'fail' } } });
  await provision(2);
  const failed = await untilFits(provisioned, ({ Status }) => Status === 'FAILED');
  expect(failed.StatusReason).toContain('init was told to fail');
  await pool.until(({ instances }) => instances === 0);
  const answer = await invoke();
  expect(answer.FunctionError).toBe('Unhandled');
  expect(answer.body).toMatchObject({ errorMessage: 'init was told to fail' });
});

test('what the function throws is a function error and the instance lives on', async () => {
  await start();
  const { FunctionError, body, StatusCode } = await invoke({ do: 'throw' });
  expect({ FunctionError, StatusCode }).toEqual({ FunctionError: 'Unhandled', StatusCode: 200 });
  expect(body).toMatchObject({ errorType: 'RangeError', errorMessage: 'told to throw' });
  expect((await invoke()).body.served).toBe(2);
});

test('an instance that dies in a request is a function error; the next request gets another', async () => {
  await start();
  const { FunctionError, body } = await invoke({ do: 'exit' });
  expect(FunctionError).toBe('Unhandled');
  expect(body).toEqual({
    errorType: 'Runtime.ExitError',
    errorMessage: 'Runtime exited with error: exit status 7',
  });
  expect((await invoke()).body.served).toBe(1);
  expect(await pool.stats()).toMatchObject({ died: 1, instances: 1, functionErrors: 1 });
});

test('past its timeout an invocation fails and its instance is ended', async () => {
  await start({ function: { name: 'checkout', alias: 'live', timeoutMs: 300 } });
  const { body } = await invoke({ do: 'hang' });
  expect(body.errorMessage).toBe('Task timed out after 0.30 seconds');
  await pool.until(({ instances }) => instances === 0);
});

test('idle instances are reaped after minutes of life, provisioned ones are not', async () => {
  await start({ idleMinutes: 0.5, timeScale: 600 });
  await provision(1);
  await untilFits(provisioned, ({ Status }) => Status === 'READY');
  const { body } = await invoke({}, '2');
  const stats = await pool.until(({ reaped }) => reaped === 1);
  expect(stats).toMatchObject({ died: 0 });
  await untilFits(
    () => alive(body.pid),
    (is) => !is,
  );
  expect((await invoke()).body.initialization).toBe('provisioned-concurrency');
});

test('past the account limit an invocation is throttled, also by idle provisioned instances', async () => {
  await start({ limits: { account: 3, unreservedMinimum: 1 } });
  await provision(2);
  await untilFits(provisioned, ({ Status }) => Status === 'READY');
  writeFileSync(gate, '');
  const first = invoke({ whileFile: gate }, '2');
  await pool.until(({ busy }) => busy === 1);
  const error = await failure(invoke({}, '2'));
  expect(error).toMatchObject({
    name: 'TooManyRequestsException',
    Reason: 'ConcurrentInvocationLimitExceeded',
    $metadata: { httpStatusCode: 429 },
  });
  expect((await invoke()).body.initialization).toBe('provisioned-concurrency');
  rmSync(gate);
  await first;
  expect((await pool.stats()).throttles).toBe(1);
});

test('new instances come no faster than the scale-up rate', async () => {
  await start({ limits: { scaleUp: 1 } });
  writeFileSync(gate, '');
  const first = invoke({ whileFile: gate });
  const error = await failure(pool.until(({ busy }) => busy === 1).then(() => invoke()));
  expect(error).toMatchObject({
    name: 'TooManyRequestsException',
    Reason: 'FunctionInvocationRateLimitExceeded',
  });
  rmSync(gate);
  await first;
});

test('reserved concurrency bounds the function, and what may be provisioned', async () => {
  await start();
  const reserve = (count: number) =>
    lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: count }),
    );
  expect(await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName }))).not.toHaveProperty(
    'ReservedConcurrentExecutions',
  );
  await reserve(5);
  const settings = await lambda.send(new GetAccountSettingsCommand({}));
  expect(settings.AccountLimit).toMatchObject({
    ConcurrentExecutions: 100,
    UnreservedConcurrentExecutions: 95,
  });
  expect(await failure(provision(6))).toMatchObject({ name: 'InvalidParameterValueException' });
  await reserve(0);
  expect(await failure(invoke())).toMatchObject({
    Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
  });
  await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
  expect(await failure(provision(91))).toMatchObject({ name: 'InvalidParameterValueException' });
  expect(await failure(reserve(91))).toMatchObject({ name: 'InvalidParameterValueException' });
  expect((await invoke()).StatusCode).toBe(200);
});

test('function, configuration and aliases have the shapes of the service model', async () => {
  await start({ function: { name: 'checkout', alias: 'live', env: { A: '1' }, memoryMb: 256 } });
  const configuration = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName, Qualifier }),
  );
  expect(configuration).toMatchObject({
    FunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:checkout:live',
    MemorySize: 256,
    Handler: 'probe.handler',
    Environment: { Variables: { A: '1' } },
    Runtime: 'nodejs24.x',
  });
  expect(configuration.CodeSha256).toMatch(/^[A-Za-z0-9+/]{43}=$/);
  const whole = await lambda.send(
    new GetFunctionCommand({ FunctionName: configuration.FunctionArn }),
  );
  expect(whole.Configuration?.CodeSha256).toBe(configuration.CodeSha256);

  const { Aliases } = await lambda.send(new ListAliasesCommand({ FunctionName }));
  expect(Aliases?.map(({ Name, FunctionVersion }) => [Name, FunctionVersion])).toEqual([
    ['live', '2'],
  ]);
  await lambda.send(new UpdateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1' }));
  const alias = await lambda.send(new GetAliasCommand({ FunctionName, Name: 'live' }));
  expect(alias.FunctionVersion).toBe('1');
  expect((await invoke()).ExecutedVersion).toBe('1');
});

test('what is not there is not found, what is wrong is refused, each by its name', async () => {
  await start();
  const names = async (promise: Promise<unknown>) => ((await failure(promise)) as Error).name;
  const invokeOther = new InvokeCommand({ FunctionName: 'other' });
  expect(await names(lambda.send(invokeOther))).toBe('ResourceNotFoundException');
  expect(await names(invoke({}, 'no-such-alias'))).toBe('ResourceNotFoundException');
  const badPayload = new InvokeCommand({ FunctionName, Payload: Buffer.from('{') });
  expect(await names(lambda.send(badPayload))).toBe('InvalidRequestContentException');
  const latest = new PutProvisionedConcurrencyConfigCommand({
    FunctionName,
    Qualifier: '$LATEST',
    ProvisionedConcurrentExecutions: 1,
  });
  expect(await names(lambda.send(latest))).toBe('InvalidParameterValueException');
  expect(await names(provision(0))).toBe('InvalidParameterValueException');
  const event = new InvokeCommand({ FunctionName, InvocationType: 'Event' });
  expect(await names(lambda.send(event))).toBe('InvalidParameterValueException');
});
