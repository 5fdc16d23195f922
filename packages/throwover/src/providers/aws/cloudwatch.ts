import type { CloudWatchClient, MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import {
  type FunctionMetrics,
  functionErrors,
  type MetricMinute,
} from '../../functions/functions.ts';
import { type Clock, dateAt, withDeadline } from '../../kernel/kernel.ts';
import type { FunctionAt } from './lambda.ts';

/** Longest time for one call, with the SDK's own retries, ms. */
const callTimeoutMs = 10_000;

/** Lambda's metrics are by the minute. */
const periodSeconds = 60;

const statistics = {
  requests: ['Invocations', 'Sum'],
  errors: ['Errors', 'Sum'],
  throttles: ['Throttles', 'Sum'],
  meanMs: ['Duration', 'Average'],
  p50Ms: ['Duration', 'p50'],
  p99Ms: ['Duration', 'p99'],
  peakConcurrency: ['ConcurrentExecutions', 'Maximum'],
  spillover: ['ProvisionedConcurrencySpilloverInvocations', 'Sum'],
} as const satisfies Record<keyof Omit<MetricMinute, 'fromWallMs'>, readonly [string, string]>;

type Statistic = keyof typeof statistics;
const names = Object.keys(statistics) as readonly Statistic[];

/**
 * Lambda's own metrics of one function, through the official SDK, which is loaded at the first
 * call. They are those of the alias if AWS counts by alias; `ConcurrentExecutions` is of the whole
 * function. Needs `cloudwatch:GetMetricData`.
 */
export function cloudWatchMetrics(
  options: FunctionAt & { readonly clock: Clock },
): FunctionMetrics {
  const { region, awsRegion, endpoint, functionName, alias, clock } = options;
  let loading: Promise<{ sdk: Sdk; client: CloudWatchClient }> | undefined;
  const load = () => {
    loading ??= import('@aws-sdk/client-cloudwatch').then((sdk) => ({
      sdk,
      client: new sdk.CloudWatchClient({
        region: awsRegion,
        ...(endpoint === undefined ? {} : { endpoint }),
      }),
    }));
    return loading;
  };
  const queries = names.map((name) => queryOf(name, functionName, alias));
  return {
    region,
    async minutes(windowMs) {
      const { sdk, client } = await load();
      const untilMs = clock.wallMs();
      const input = {
        MetricDataQueries: queries,
        // On a whole minute, as AWS rounds it: buckets begin there.
        StartTime: dateAt(wholeMinute(untilMs - windowMs)),
        EndTime: dateAt(untilMs),
        ScanBy: 'TimestampAscending' as const,
      };
      const minutes = new Map<number, MetricMinute>();
      const readPages = async (abortSignal: AbortSignal) => {
        for await (const page of sdk.paginateGetMetricData({ client }, input, { abortSignal })) {
          for (const { Id, Timestamps = [], Values = [] } of page.MetricDataResults ?? []) {
            for (const [index, at] of Timestamps.entries()) {
              note(minutes, { name: Id as Statistic, at: at.getTime(), value: Values[index] });
            }
          }
        }
      };
      try {
        await withDeadline(clock, callTimeoutMs, readPages);
      } catch (error) {
        throw translate(error, { region, functionName });
      }
      return [...minutes.values()].sort((a, b) => a.fromWallMs - b.fromWallMs);
    },
  };
}

type Sdk = typeof import('@aws-sdk/client-cloudwatch');

function queryOf(name: Statistic, functionName: string, alias: string): MetricDataQuery {
  const [MetricName, Stat] = statistics[name];
  const ofAlias = { Name: 'Resource', Value: `${functionName}:${alias}` };
  return {
    // Ids must begin with a lower-case letter, as these names do.
    Id: name,
    MetricStat: {
      Metric: {
        Namespace: 'AWS/Lambda',
        MetricName,
        Dimensions: [
          { Name: 'FunctionName', Value: functionName },
          ...(name === 'peakConcurrency' ? [] : [ofAlias]),
        ],
      },
      Period: periodSeconds,
      Stat,
    },
    ReturnData: true,
  };
}

function note(
  minutes: Map<number, MetricMinute>,
  { name, at, value }: { name: Statistic; at: number; value: number | undefined },
): void {
  const known = minutes.get(at) ?? empty(at);
  if (value !== undefined) minutes.set(at, { ...known, [name]: value });
}

const wholeMinute = (ms: number) => Math.floor(ms / 60_000) * 60_000;

const empty = (fromWallMs: number): MetricMinute => ({
  fromWallMs,
  requests: 0,
  errors: 0,
  throttles: 0,
  meanMs: null,
  p50Ms: null,
  p99Ms: null,
  peakConcurrency: null,
  spillover: null,
});

function translate(error: unknown, where: { region: string; functionName: string }): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  const denied =
    error.name === 'CredentialsProviderError' ||
    status === 401 ||
    status === 403 ||
    error.name.startsWith('AccessDenied');
  const answered = status !== undefined && status < 500 && status !== 429;
  return functionErrors.make(
    denied ? 'functions-denied' : answered ? 'functions-refused' : 'functions-unreachable',
    `CloudWatch in ${where.region}: ${error.message || error.name}`,
    { ...where, answer: error.name, httpStatus: status ?? null },
    error,
  );
}
