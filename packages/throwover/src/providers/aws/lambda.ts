import type { LambdaClient } from '@aws-sdk/client-lambda';
import {
  type FunctionFacts,
  type FunctionRegion,
  functionErrors,
} from '../../functions/functions.ts';
import { type Clock, withDeadline } from '../../kernel/kernel.ts';
import { type Invoked, inRounds } from './lambda-warm-up.ts';

/**
 * Longest time for one call to the Lambda API, with the SDK's own retries, ms: a few round trips
 * across an ocean.
 */
const callTimeoutMs = 10_000;

/**
 * Time in addition to the hold, ms: the start of an environment, which AWS ends after 10 s and
 * tries once more.
 */
const warmUpReserveMs = 60_000;

/**
 * Tries for one call, including the first: the SDK's default, which bounds the cost of a throttled
 * API.
 */
const maxAttempts = 3;

/** A function in one AWS region. */
export interface FunctionAt {
  /** throwover's name of the region. */
  readonly region: string;
  /** AWS's name: `us-west-2`. */
  readonly awsRegion: string;
  /**
   * Another endpoint than the region's own: the lab's, or a VPC endpoint. Credentials come from the
   * SDK's chain.
   */
  readonly endpoint?: string;
  readonly functionName: string;
  readonly alias: string;
}

/**
 * Reaches a function's alias in one AWS region through the official SDK.
 *
 * The SDK is loaded at the first call, so that a service without functions does not load it. Each
 * call has `callTimeoutMs`; after that, and if there is no answer, the error is
 * `functions-unreachable`.
 */
export function lambdaRegion(options: FunctionAt & { readonly clock: Clock }): FunctionRegion {
  const { region, awsRegion, endpoint, functionName, alias, clock } = options;
  let loading: Promise<{ sdk: Sdk; client: LambdaClient }> | undefined;
  const load = () => {
    loading ??= import('@aws-sdk/client-lambda').then((sdk) => ({
      sdk,
      client: new sdk.LambdaClient({
        region: awsRegion,
        maxAttempts,
        ...(endpoint === undefined ? {} : { endpoint }),
      }),
    }));
    return loading;
  };

  /** Makes one call to the API, with its deadline; throws an error of throwover, or a bug. */
  async function call<T>(
    send: (client: LambdaClient, sdk: Sdk, abortSignal: AbortSignal) => Promise<T>,
    from: () => Promise<{ sdk: Sdk; client: LambdaClient }> = load,
    timeoutMs: number = callTimeoutMs,
  ): Promise<T> {
    const { sdk, client } = await from();
    try {
      return await withDeadline(clock, timeoutMs, (signal) => send(client, sdk, signal));
    } catch (error) {
      throw translate(error, { region, functionName, alias });
    }
  }

  /**
   * A separate connection for each invocation, and no retries: a repeated invocation could meet an
   * environment that is already free again.
   */
  async function loadForWarmUps(instances: number) {
    const { sdk } = await load();
    const agent = { maxSockets: instances, keepAlive: true };
    const client = new sdk.LambdaClient({
      region: awsRegion,
      maxAttempts: 1,
      requestHandler: { httpAgent: agent, httpsAgent: agent },
      ...(endpoint === undefined ? {} : { endpoint }),
    });
    return { sdk, client };
  }

  async function invoke(
    using: { sdk: Sdk; client: LambdaClient },
    holdMs: number,
  ): Promise<Invoked> {
    const answer = await call(
      (client, sdk, abortSignal) =>
        client.send(
          new sdk.InvokeCommand({
            ...qualified,
            InvocationType: 'RequestResponse',
            LogType: 'Tail',
            Payload: Buffer.from(JSON.stringify({ 'throwover-warm-up': { holdMs } })),
          }),
          { abortSignal },
        ),
      async () => using,
      holdMs + warmUpReserveMs,
    );
    return {
      functionError: answer.FunctionError ?? null,
      payload: Buffer.from(answer.Payload ?? []).toString('utf8'),
      log: Buffer.from(answer.LogResult ?? '', 'base64').toString('utf8'),
    };
  }

  const qualified = { FunctionName: functionName, Qualifier: alias };

  async function provisioned(): Promise<FunctionFacts['provisioned']> {
    try {
      const config = await call((client, sdk, abortSignal) =>
        client.send(new sdk.GetProvisionedConcurrencyConfigCommand(qualified), { abortSignal }),
      );
      return {
        requested: config.RequestedProvisionedConcurrentExecutions ?? 0,
        ready: config.AvailableProvisionedConcurrentExecutions ?? 0,
        status: status(config.Status),
        reason: config.StatusReason ?? null,
      };
    } catch (error) {
      if (causeName(error) === 'ProvisionedConcurrencyConfigNotFoundException') return null;
      throw error;
    }
  }

  return {
    region,

    async facts() {
      const [warm, account, concurrency, configuration] = await Promise.all([
        provisioned(),
        call((client, sdk, abortSignal) =>
          client.send(new sdk.GetAccountSettingsCommand({}), { abortSignal }),
        ),
        call((client, sdk, abortSignal) =>
          client.send(new sdk.GetFunctionConcurrencyCommand({ FunctionName: functionName }), {
            abortSignal,
          }),
        ),
        call((client, sdk, abortSignal) =>
          client.send(new sdk.GetFunctionConfigurationCommand(qualified), { abortSignal }),
        ),
      ]);
      const environment = Object.keys(configuration.Environment?.Variables ?? {});
      return {
        region,
        provisioned: warm,
        accountLimit: account.AccountLimit?.ConcurrentExecutions ?? 0,
        unreservedLimit: account.AccountLimit?.UnreservedConcurrentExecutions ?? 0,
        reserved: concurrency.ReservedConcurrentExecutions ?? null,
        // 128 MB and 3 s are AWS's own defaults.
        memoryMb: configuration.MemorySize ?? 128,
        timeoutMs: (configuration.Timeout ?? 3) * 1_000,
        parity: {
          code: configuration.CodeSha256 ?? '',
          runtime: configuration.Runtime ?? '',
          memoryMb: String(configuration.MemorySize ?? ''),
          timeoutSeconds: String(configuration.Timeout ?? ''),
          handler: configuration.Handler ?? '',
          architecture: configuration.Architectures?.join(',') ?? 'x86_64',
          ephemeralStorageMb: String(configuration.EphemeralStorage?.Size ?? 512),
          layers: (configuration.Layers ?? []).map(layerText).join(','),
          // Only the names: values differ between regions by design, and may be secrets.
          environment: environment.sort().join(','),
        },
      };
    },

    async provision(instances) {
      const before = await provisioned();
      if (before !== null && before.requested === instances && before.status !== 'failed') return;
      await call((client, sdk, abortSignal) =>
        client.send(
          new sdk.PutProvisionedConcurrencyConfigCommand({
            ...qualified,
            ProvisionedConcurrentExecutions: instances,
          }),
          { abortSignal },
        ),
      );
    },

    async warmUp({ instances, holdMs }) {
      const using = await loadForWarmUps(instances);
      try {
        return await inRounds({
          region,
          instances,
          invoke: (held) => invoke(using, held),
          holdMs,
        });
      } finally {
        using.client.destroy();
      }
    },

    async release() {
      await call((client, sdk, abortSignal) =>
        client.send(new sdk.DeleteProvisionedConcurrencyConfigCommand(qualified), { abortSignal }),
      );
    },
  };
}

type Sdk = typeof import('@aws-sdk/client-lambda');

/** Each region counts the versions of a layer itself, so only name and size can be compared. */
function layerText({ Arn, CodeSize }: { Arn?: string | undefined; CodeSize?: number | undefined }) {
  return `${Arn?.split(':')[6] ?? ''}/${CodeSize ?? ''}`;
}

function status(value: string | undefined): 'in-progress' | 'ready' | 'failed' {
  if (value === 'READY') return 'ready';
  return value === 'FAILED' ? 'failed' : 'in-progress';
}

function causeName(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? cause.name : undefined;
}

/**
 * Tells a refusal from a missing answer: an exception that Lambda sent has a status, every other
 * error is a missing answer.
 */
function translate(
  error: unknown,
  where: { region: string; functionName: string; alias: string },
): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const httpStatus = (error as { $metadata?: { httpStatusCode?: number } }).$metadata
    ?.httpStatusCode;
  const make = (code: keyof typeof functionErrors.definitions) =>
    functionErrors.make(
      code,
      `Lambda in ${where.region}: ${error.message || error.name}`,
      { ...where, answer: error.name, httpStatus: httpStatus ?? null },
      error,
    );
  if (error.name === 'CredentialsProviderError') return make('functions-denied');
  if (error.name === 'TooManyRequestsException' && aboutLimit(error))
    return make('functions-quota');
  if (httpStatus === undefined || httpStatus >= 500 || httpStatus === 429) {
    return make('functions-unreachable');
  }
  if (httpStatus === 401 || httpStatus === 403) return make('functions-denied');
  if (httpStatus === 404) return make('functions-missing');
  if (httpStatus === 409) return make('functions-unreachable');
  const aboutConcurrency = /concurren/i.test(error.message);
  if (error.name === 'InvalidParameterValueException' && aboutConcurrency) {
    return make('functions-quota');
  }
  return make('functions-refused');
}

/** Whether it was refused for lack of concurrency, and not because of too many calls to the API. */
function aboutLimit(error: Error): boolean {
  return /Concurrent|InvocationRateLimit/.test(String((error as { Reason?: string }).Reason));
}
