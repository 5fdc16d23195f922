import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetAccountSettingsCommand,
  GetAliasCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda';
import {
  type Change,
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { dateAt, systemClock } from '../../kernel/kernel.ts';
import type { AdoptableDns, DnsRecord } from '../../traffic/dns.ts';
import {
  formatGeneration,
  generationName,
  generationTtlSeconds,
} from '../../traffic/generation.ts';
import { cloudWatchMetrics } from './cloudwatch.ts';
import { createRole, motoVersion, startMoto, withoutPercentiles } from './moto.fixture.ts';
import { route53Dns } from './route53.ts';
import type { Routing } from './route53-sets.ts';

/**
 * The same calls against a simulator that we did not write. Calls that moto does not support are
 * tested too and must fail: when one succeeds, move it to the tests above.
 */
describe.skipIf(motoVersion === null)(
  motoVersion === null ? 'moto is not installed (pip install moto[server])' : `moto ${motoVersion}`,
  () => {
    let moto: Awaited<ReturnType<typeof startMoto>>;
    let lambda: LambdaClient;
    let route53: Route53Client;
    const credentials = { accessKeyId: 'lab', secretAccessKey: 'lab' };

    beforeAll(async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'lab');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'lab');
      moto = await startMoto();
      const { endpoint } = moto;
      const common = { endpoint, credentials, maxAttempts: 1 };
      lambda = new LambdaClient({ ...common, region: 'us-west-2' });
      route53 = new Route53Client({ ...common, region: 'us-east-1' });
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await moto?.stop();
    });

    describe('Route 53', () => {
      const regions = { east: ['127.0.1.1'], west: ['127.0.2.1', '127.0.2.2'] };
      const name = 'checkout.example.test';
      const sets = (routing: Routing): ResourceRecordSet[] => {
        const set = (values: readonly string[], more: Partial<ResourceRecordSet>) => ({
          Name: name,
          Type: 'A' as const,
          TTL: 60,
          ResourceRecords: values.map((Value) => ({ Value })),
          ...more,
        });
        if (routing === 'simple') return [set(regions.east, {})];
        const policies = {
          weighted: [{ Weight: 100 }, { Weight: 0 }],
          failover: [{ Failover: 'PRIMARY' as const }, { Failover: 'SECONDARY' as const }],
        }[routing];
        return [
          set(regions.east, { SetIdentifier: 'east', ...policies[0] }),
          set(regions.west, { SetIdentifier: 'west', ...policies[1] }),
        ];
      };

      async function zoneWith(routing: Routing) {
        const { HostedZone } = await route53.send(
          new CreateHostedZoneCommand({ Name: 'example.test', CallerReference: routing }),
        );
        const zoneId = HostedZone?.Id?.replace('/hostedzone/', '') ?? '';
        const change = (...Changes: Change[]) =>
          route53.send(
            new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: { Changes } }),
          );
        await change(
          ...sets(routing).map((set) => ({ Action: 'CREATE' as const, ResourceRecordSet: set })),
        );
        const { endpoint } = moto;
        const dns = route53Dns({ endpoint, zoneId, name, type: 'A', routing });
        return { dns, change };
      }

      /** Done by hand, because moto refuses `adopt` (below). */
      const generation: Change = {
        Action: 'CREATE',
        ResourceRecordSet: {
          Name: generationName(name),
          Type: 'TXT',
          TTL: generationTtlSeconds,
          ResourceRecords: [{ Value: formatGeneration({ number: 1, epoch: 1, region: 'east' }) }],
        },
      };

      async function flip(dns: AdoptableDns, region: 'east' | 'west'): Promise<DnsRecord> {
        const old = await dns.read();
        const { number, epoch } = old.generation;
        const next = {
          ...old,
          values: regions[region],
          generation: { number: number + 1, epoch: epoch + 1, region },
        };
        await dns.replace(old, next);
        return next;
      }

      test.each(['simple', 'weighted', 'failover'] as const)(
        '%s: a flip, read back, and a flip that comes late',
        async (routing) => {
          const { dns, change } = await zoneWith(routing);
          await expect(dns.read()).rejects.toMatchObject({ code: 'dns-record-foreign' });
          await change(generation);
          const first = await dns.read();
          expect(first.values).toEqual(regions.east);
          const there = await flip(dns, 'west');
          expect(await dns.read()).toEqual(there);
          expect(await dns.readBack()).toEqual(regions.west);
          await expect(
            dns.replace(first, { ...first, generation: { number: 2, epoch: 9, region: 'east' } }),
          ).rejects.toMatchObject({ code: 'dns-lost-race' });
        },
      );

      // moto compares a CREATE with every change that was ever made in the zone, not with the zone.
      test('lacks: a set that is made again as it once was: adopting, and a flip back', async () => {
        const { dns, change } = await zoneWith('simple');
        const again = { code: 'dns-lost-race', message: expect.stringContaining('already exists') };
        await expect(dns.adopt({ epoch: 1, region: 'east' })).rejects.toMatchObject(again);
        await change(generation);
        await flip(dns, 'west');
        await expect(flip(dns, 'east')).rejects.toMatchObject({
          code: 'dns-refused',
          message: expect.stringContaining('already exists'),
        });
      });
    });

    describe('Lambda', () => {
      const target = { FunctionName: 'checkout', Qualifier: 'live' };
      /** An empty zip archive. */
      const ZipFile = Buffer.from('UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==', 'base64');

      beforeAll(async () => {
        await createRole(moto.endpoint, 'checkout-role');
        await lambda.send(
          new CreateFunctionCommand({
            FunctionName: 'checkout',
            Runtime: 'nodejs22.x',
            Role: 'arn:aws:iam::123456789012:role/checkout-role',
            Handler: 'index.handler',
            Code: { ZipFile },
            MemorySize: 512,
            Environment: { Variables: { MODE: 'live' } },
          }),
        );
        await lambda.send(new PublishVersionCommand({ FunctionName: 'checkout' }));
        await lambda.send(
          new CreateAliasCommand({ FunctionName: 'checkout', Name: 'live', FunctionVersion: '1' }),
        );
      });

      test('aliases: read and moved', async () => {
        const alias = { FunctionName: 'checkout', Name: 'live' };
        await lambda.send(new PublishVersionCommand({ FunctionName: 'checkout' }));
        expect(await lambda.send(new GetAliasCommand(alias))).toMatchObject({
          FunctionVersion: '1',
        });
        await lambda.send(new UpdateAliasCommand({ ...alias, FunctionVersion: '1' }));
      });

      test('what parity is read from: code, runtime, memory, environment, layers', async () => {
        expect(await lambda.send(new GetFunctionConfigurationCommand(target))).toMatchObject({
          CodeSha256: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/),
          Runtime: 'nodejs22.x',
          MemorySize: 512,
          Environment: { Variables: { MODE: 'live' } },
          Layers: [],
        });
      });

      test('no reserved concurrency is an answer without a number', async () => {
        const answer = await lambda.send(
          new GetFunctionConcurrencyCommand({ FunctionName: 'checkout' }),
        );
        expect(answer.ReservedConcurrentExecutions).toBeUndefined();
      });

      const lacking: [string, () => Promise<unknown>][] = [
        ['GetAccountSettings', () => lambda.send(new GetAccountSettingsCommand({}))],
        [
          'PutProvisionedConcurrencyConfig',
          () =>
            lambda.send(
              new PutProvisionedConcurrencyConfigCommand({
                ...target,
                ProvisionedConcurrentExecutions: 2,
              }),
            ),
        ],
        [
          'GetProvisionedConcurrencyConfig',
          () => lambda.send(new GetProvisionedConcurrencyConfigCommand(target)),
        ],
        [
          'DeleteProvisionedConcurrencyConfig',
          () => lambda.send(new DeleteProvisionedConcurrencyConfigCommand(target)),
        ],
      ];
      test.each(lacking)('lacks: %s', async (_, call) => {
        await expect(call()).rejects.toThrow(/is not valid JSON|UnknownError|404/);
      });

      test('lacks: Invoke without Docker', async ({ skip }) => {
        const answer = await lambda.send(
          new InvokeCommand({ ...target, Payload: Buffer.from('{}') }),
        );
        const said = Buffer.from(answer.Payload ?? []).toString();
        if (answer.FunctionError === undefined && !/docker/i.test(said)) skip('Docker is here');
        expect(said).toMatch(/docker|error/i);
      });
    });

    test('CloudWatch: the metrics of a function, by the minute, of its alias where AWS counts by alias', async () => {
      const cloudwatch = new CloudWatchClient({
        endpoint: moto.endpoint,
        credentials,
        region: 'us-west-2',
        maxAttempts: 1,
      });
      const minuteMs = 60_000;
      const thisMinuteMs = Math.floor(systemClock.wallMs() / minuteMs) * minuteMs;
      const ofFunction = { Name: 'FunctionName', Value: 'checkout' };
      const ofAlias = { Name: 'Resource', Value: 'checkout:live' };
      const put = (minutesAgo: number, MetricName: string, values: readonly number[]) =>
        values.map((Value) => ({
          MetricName,
          Value,
          Dimensions: MetricName === 'ConcurrentExecutions' ? [ofFunction] : [ofFunction, ofAlias],
          Timestamp: dateAt(thisMinuteMs - minutesAgo * minuteMs + 10_000),
        }));
      await cloudwatch.send(
        new PutMetricDataCommand({
          // AWS reserves this namespace; the SDK does not check that.
          Namespace: 'AWS/Lambda',
          MetricData: [
            ...put(3, 'Invocations', [40, 2]),
            ...put(3, 'Errors', [1]),
            ...put(3, 'Throttles', [0]),
            ...put(3, 'Duration', [20, 40]),
            ...put(3, 'ConcurrentExecutions', [3, 7, 5]),
            ...put(2, 'Invocations', [10]),
          ],
        }),
      );
      const metricsAt = (endpoint: string) =>
        cloudWatchMetrics({
          ...{ region: 'west', awsRegion: 'us-west-2', endpoint },
          ...{ functionName: 'checkout', alias: 'live', clock: systemClock },
        });
      // moto crashes on percentiles, so they are removed on the way.
      await expect(metricsAt(moto.endpoint).minutes(10 * minuteMs)).rejects.toMatchObject({
        code: 'functions-unreachable',
      });
      const border = await withoutPercentiles(moto.endpoint);
      const [first, second] = await metricsAt(border.url)
        .minutes(10 * minuteMs)
        .finally(() => border.close());
      expect(first).toMatchObject({
        fromWallMs: thisMinuteMs - 3 * minuteMs,
        ...{ requests: 42, errors: 1, throttles: 0, meanMs: 30, peakConcurrency: 7 },
        spillover: null,
      });
      expect(second).toMatchObject({
        fromWallMs: thisMinuteMs - 2 * minuteMs,
        ...{ requests: 10, errors: 0, meanMs: null, peakConcurrency: null },
      });
    });
  },
);
