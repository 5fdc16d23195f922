import { type Context, Hono } from 'hono';
import { isoTime } from 'throwover/kernel';
import { z } from 'zod';
import type { FunctionCode } from './code-hash.ts';
import type { PoolConfig } from './config.ts';
import { invalid, LambdaError, notFound } from './lambda-error.ts';
import type { Invocation, Pool } from './pool.ts';
import type { ProvisionedConfig } from './provisioned.ts';

/** Largest payload of a synchronous invocation, bytes: the limit of AWS is 6 MB. */
const maxPayloadBytes = 6 * 1024 * 1024;

/**
 * The Lambda HTTP API of one region for its one function, and `GET /__lab/stats`. Paths, shapes and
 * errors are those of the service model in the official SDK.
 */
export function lambdaApi(config: PoolConfig, pool: Pool, code: FunctionCode): Hono {
  const app = new Hono();
  const fn = (version: string) => `/${version}/functions/:name`;

  app.onError((error) => {
    if (error instanceof LambdaError) return error.toResponse();
    process.stderr.write(
      `${JSON.stringify({ level: 'error', error: String(error), stack: error.stack })}\n`,
    );
    return new LambdaError(
      'ServiceException',
      'Service encountered an internal error.',
    ).toResponse();
  });
  app.notFound(() => notFound('This operation is not part of the lab.').toResponse());

  app.post(`${fn('2015-03-31')}/invocations`, async (c) => {
    const qualifier = target(c);
    const type = c.req.header('x-amz-invocation-type') ?? 'RequestResponse';
    if (type === 'DryRun') {
      pool.resolve(qualifier);
      return c.body(null, 204);
    }
    if (type !== 'RequestResponse') throw invalid(`InvocationType ${type} is not part of the lab`);
    const payload = checkPayload(await c.req.text());
    const invocation = await pool.invoke(qualifier, payload);
    const wantsLog = c.req.header('x-amz-log-type') === 'Tail';
    return invocationResponse(invocation, wantsLog, config.function.memoryMb);
  });

  app.get(`${fn('2015-03-31')}/configuration`, (c) => c.json(configuration(target(c))));
  app.get(fn('2015-03-31'), (c) =>
    c.json({
      Configuration: configuration(target(c)),
      Code: { RepositoryType: 'S3' },
      ...(pool.concurrency.reserved === null
        ? {}
        : { Concurrency: { ReservedConcurrentExecutions: pool.concurrency.reserved } }),
    }),
  );

  app.get(`${fn('2015-03-31')}/aliases`, (c) => {
    target(c);
    return c.json({ Aliases: [...pool.aliases().keys()].map(alias) });
  });
  app.get(`${fn('2015-03-31')}/aliases/:alias`, (c) => {
    target(c);
    return c.json(alias(c.req.param('alias')));
  });
  app.put(`${fn('2015-03-31')}/aliases/:alias`, async (c) => {
    target(c);
    const { FunctionVersion } = await body(c, z.object({ FunctionVersion: z.string().optional() }));
    if (FunctionVersion !== undefined) pool.pointAlias(c.req.param('alias'), FunctionVersion);
    return c.json(alias(c.req.param('alias')));
  });

  const provisioned = `${fn('2019-09-30')}/provisioned-concurrency`;
  app.put(provisioned, async (c) => {
    const qualifier = required(target(c));
    const { ProvisionedConcurrentExecutions } = await body(
      c,
      z.object({ ProvisionedConcurrentExecutions: z.int().min(1) }),
    );
    return c.json(
      provisionedShape(pool.provision(qualifier, ProvisionedConcurrentExecutions)),
      202,
    );
  });
  app.get(provisioned, (c) => {
    const qualifier = target(c);
    if (c.req.query('List') === 'ALL') {
      return c.json({
        ProvisionedConcurrencyConfigs: pool.provisionedConfigs().map((warm) => ({
          FunctionArn: pool.arn(warm.qualifier),
          ...provisionedShape(warm),
        })),
      });
    }
    return c.json(provisionedShape(pool.provisionedConfig(required(qualifier))));
  });
  app.delete(provisioned, (c) => {
    pool.release(required(target(c)));
    return c.body(null, 204);
  });

  app.get(`${fn('2019-09-30')}/concurrency`, (c) => {
    target(c);
    const { reserved } = pool.concurrency;
    return c.json(reserved === null ? {} : { ReservedConcurrentExecutions: reserved });
  });
  app.put(`${fn('2017-10-31')}/concurrency`, async (c) => {
    target(c);
    const { ReservedConcurrentExecutions } = await body(
      c,
      z.object({ ReservedConcurrentExecutions: z.int().min(0) }),
    );
    pool.concurrency.reserve(ReservedConcurrentExecutions);
    return c.json({ ReservedConcurrentExecutions });
  });
  app.delete(`${fn('2017-10-31')}/concurrency`, (c) => {
    target(c);
    pool.concurrency.reserve(null);
    return c.body(null, 204);
  });

  app.get('/2016-08-19/account-settings', (c) =>
    c.json({
      AccountLimit: {
        ConcurrentExecutions: pool.concurrency.account,
        UnreservedConcurrentExecutions: pool.concurrency.unreserved,
      },
      AccountUsage: { TotalCodeSize: code.bytes, FunctionCount: 1 },
    }),
  );

  app.get('/__lab/stats', (c) => c.json(pool.stats()));

  /**
   * Checks the function's name (also as ARN, with or without qualifier) and returns the qualifier.
   */
  function target(c: Context): string | undefined {
    const asked = c.req.param('name') ?? '';
    const [name, inName] = asked.startsWith('arn:') ? asked.split(':').slice(6) : asked.split(':');
    if (name !== config.function.name) {
      throw notFound(`Function not found: ${asked}`);
    }
    return c.req.query('Qualifier') ?? inName;
  }

  function alias(name: string) {
    const version = pool.aliases().get(name);
    if (version === undefined) {
      throw notFound(`Cannot find alias arn: ${pool.arn(name)}`);
    }
    return { AliasArn: pool.arn(name), Name: name, FunctionVersion: version, Description: '' };
  }

  function configuration(qualifier: string | undefined) {
    const { name, handler, memoryMb, timeoutMs, env } = config.function;
    return {
      FunctionName: name,
      FunctionArn: pool.arn(qualifier),
      Version: pool.resolve(qualifier),
      Runtime: `nodejs${process.versions.node.split('.')[0]}.x`,
      Handler: handler,
      MemorySize: memoryMb,
      Timeout: Math.ceil(timeoutMs / 1000),
      CodeSha256: code.sha256,
      CodeSize: code.bytes,
      LastModified: isoTime(code.modifiedMs),
      Environment: { Variables: env },
      State: 'Active',
      LastUpdateStatus: 'Successful',
      PackageType: 'Zip',
    };
  }

  return app;
}

function invocationResponse(invocation: Invocation, wantsLog: boolean, memoryMb: number): Response {
  const { outcome, requestId, version, initMs, durationMs } = invocation;
  const init = initMs === null ? '' : `\tInit Duration: ${initMs.toFixed(2)} ms`;
  const report = `REPORT RequestId: ${requestId}\tDuration: ${durationMs.toFixed(2)} ms\tMemory Size: ${memoryMb} MB${init}\n`;
  return new Response(outcome.kind === 'answer' ? outcome.payload : JSON.stringify(outcome.error), {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'x-amzn-requestid': requestId,
      'x-amz-executed-version': version,
      ...(outcome.kind === 'error' ? { 'x-amz-function-error': 'Unhandled' } : {}),
      ...(wantsLog ? { 'x-amz-log-result': Buffer.from(report).toString('base64') } : {}),
      // Not part of AWS, which reports this only in the log: how long this request's own cold start
      // took.
      ...(initMs === null ? {} : { 'x-lab-init-ms': initMs.toFixed(2) }),
    },
  });
}

function provisionedShape(warm: ProvisionedConfig) {
  return {
    RequestedProvisionedConcurrentExecutions: warm.requested,
    AvailableProvisionedConcurrentExecutions: warm.available,
    AllocatedProvisionedConcurrentExecutions: warm.available,
    Status: warm.status,
    ...(warm.reason === null ? {} : { StatusReason: warm.reason }),
    LastModified: warm.lastModified,
  };
}

function checkPayload(text: string): string {
  if (Buffer.byteLength(text) > maxPayloadBytes) {
    throw new LambdaError(
      'RequestTooLargeException',
      `Request must be smaller than ${maxPayloadBytes} bytes`,
    );
  }
  if (text === '') return '{}';
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw new LambdaError(
      'InvalidRequestContentException',
      'Could not parse request body into json',
    );
  }
}

async function body<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await c.req.json().catch(() => undefined));
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error));
  return parsed.data;
}

function required(qualifier: string | undefined): string {
  if (qualifier === undefined || qualifier === '') throw invalid('Qualifier is required');
  return qualifier;
}
