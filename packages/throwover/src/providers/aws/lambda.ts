import type { LambdaClient } from '@aws-sdk/client-lambda';
import { functionErrors } from '../../functions/errors.ts';
import type { FunctionFacts, FunctionRegion } from '../../functions/function-region.ts';
import type { Clock } from '../../kernel/kernel.ts';

/** Longest time for one call to the Lambda API with the SDK's own retries, ms: a few round trips across an ocean. */
const callTimeoutMs = 10_000;

/** Tries for one call, the first one among them: the SDK's default, which bounds what a throttled API costs. */
const maxAttempts = 3;

export interface LambdaRegionOptions {
  /** throwover's name of the region. */
  readonly region: string;
  /** AWS's name: `us-west-2`. */
  readonly awsRegion: string;
  /** Another endpoint than the region's own: the lab's, a VPC endpoint. Credentials come from the SDK's chain. */
  readonly endpoint?: string;
  readonly functionName: string;
  readonly alias: string;
  readonly clock: Clock;
}

/**
 * The function's alias in one AWS region, through the official SDK.
 *
 * The SDK is loaded at the first call, so that a service without functions never pays for it. Each
 * call has `callTimeoutMs`; past it, and when nothing answers, the error is `functions-unreachable`.
 */
export function lambdaRegion(options: LambdaRegionOptions): FunctionRegion {
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

  /** One call to the API, with its deadline; what it throws is an error of throwover, or a bug. */
  async function call<T>(
    send: (client: LambdaClient, sdk: Sdk, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { sdk, client } = await load();
    const deadline = new AbortController();
    const answered = new AbortController();
    clock.sleep(callTimeoutMs, answered.signal).then(
      () => deadline.abort(),
      () => {},
    );
    try {
      return await send(client, sdk, deadline.signal);
    } catch (error) {
      throw translate(error, { region, functionName, alias });
    } finally {
      answered.abort();
    }
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
        parity: {
          code: configuration.CodeSha256 ?? '',
          runtime: configuration.Runtime ?? '',
          memoryMb: String(configuration.MemorySize ?? ''),
          timeoutSeconds: String(configuration.Timeout ?? ''),
          handler: configuration.Handler ?? '',
          // Keys only: values differ between regions by design, and may be secrets.
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

    async release() {
      await call((client, sdk, abortSignal) =>
        client.send(new sdk.DeleteProvisionedConcurrencyConfigCommand(qualified), { abortSignal }),
      );
    },
  };
}

type Sdk = typeof import('@aws-sdk/client-lambda');

function status(value: string | undefined): 'in-progress' | 'ready' | 'failed' {
  if (value === 'READY') return 'ready';
  return value === 'FAILED' ? 'failed' : 'in-progress';
}

function causeName(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? cause.name : undefined;
}

/** Says "no" and "no answer" apart: an exception that Lambda sent has a status, everything else is no answer. */
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
