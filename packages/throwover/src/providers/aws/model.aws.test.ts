import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as lambdaSdk from '@aws-sdk/client-lambda';
import * as route53Sdk from '@aws-sdk/client-route-53';
import * as arcSdk from '@aws-sdk/client-route53-recovery-cluster';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { seededRandom, systemClock } from '../../kernel/kernel.ts';
import { type Cluster, startCluster } from './arc.fixture.ts';
import { arcDns } from './arc.ts';
import { botocoreProblems, botocoreVersion } from './botocore-model.fixture.ts';
import { lambdaRegion } from './lambda.ts';
import { credentials, type LabDns, name, startLabDns, zoneId } from './route53.fixture.ts';
import { route53Dns } from './route53.ts';
import type { Routing } from './route53-sets.ts';
import { operationOf, type PlayedCall, problemsOf, type SdkPackage } from './sdk-model.fixture.ts';

/**
 * Every call of the AWS providers, sent to the lab (ARC: to a cluster of our own), and checked with
 * two models that AWS wrote. The lab's answers are checked too.
 */
const services: Readonly<Record<string, SdkPackage>> = {
  route53: route53Sdk,
  lambda: lambdaSdk,
  'route53-recovery-cluster': arcSdk,
};
const calls: PlayedCall[] = [];
let lab: LabDns;
let cluster: Cluster;
let pool: { url: string; stop: () => Promise<void> };

/** The interface of every client of the SDK: one call for all commands. */
interface Sends {
  send(command: { readonly input: unknown }, more?: unknown): Promise<unknown>;
}

/** Passes every call on, and records its request and answer. */
function record(service: string, prototype: object) {
  const client = prototype as Sends;
  const { send } = client;
  vi.spyOn(client, 'send').mockImplementation(async function (this: unknown, command, more) {
    const call = { service, command: command.constructor.name, input: command.input };
    try {
      const output = await send.call(this, command, more);
      calls.push({ ...call, output });
      return output;
    } catch (error) {
      calls.push({ ...call, output: null });
      throw error;
    }
  });
}

async function startPool() {
  const at = (path: string) =>
    fileURLToPath(new URL(`../../../../lab/src/${path}`, import.meta.url));
  const config = {
    region: 'west',
    awsRegion: 'us-west-2',
    host: '127.0.0.1',
    port: 0,
    function: {
      name: 'checkout',
      alias: 'live',
      codeDir: at('functions/fixtures/'),
      handler: 'probe.handler',
    },
  };
  const child = spawn(
    process.execPath,
    ['--conditions=throwover-source', at('functions/function-pool.ts'), JSON.stringify(config)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const stop = async () => {
    child.kill();
    await ended;
  };
  return { url: (JSON.parse(line) as { url: string }).url, stop };
}

async function playRoute53(routing: Routing) {
  const client = new route53Sdk.Route53Client({ endpoint: lab.endpoint, region: 'us-east-1' });
  const host = `${routing}.example.test`;
  const set = (Value: string) => ({
    Name: host,
    Type: 'A' as const,
    TTL: 60,
    ResourceRecords: [{ Value }],
  });
  const sets = {
    simple: [set('127.0.1.1')],
    weighted: [
      { ...set('127.0.1.1'), SetIdentifier: 'east', Weight: 100 },
      { ...set('127.0.2.1'), SetIdentifier: 'west', Weight: 0 },
    ],
    failover: [
      { ...set('127.0.1.1'), SetIdentifier: 'east', Failover: 'PRIMARY' as const },
      { ...set('127.0.2.1'), SetIdentifier: 'west', Failover: 'SECONDARY' as const },
    ],
  };
  await client.send(
    new route53Sdk.ChangeResourceRecordSetsCommand({
      HostedZoneId: zoneId,
      ChangeBatch: {
        Changes: sets[routing].map((ResourceRecordSet) => ({
          Action: 'CREATE' as const,
          ResourceRecordSet,
        })),
      },
    }),
  );
  const dns = route53Dns({ endpoint: lab.endpoint, zoneId, name: host, type: 'A', routing });
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  const generation = { number: 2, epoch: 2, region: 'west' };
  await dns.replace(old, { ...old, values: ['127.0.2.1'], generation });
  expect(await dns.readBack()).toEqual(['127.0.2.1']);
}

beforeAll(async () => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
  const control = (region: string) =>
    `arn:aws:route53-recovery-control::111122223333:controlpanel/0123456789abcdef0123456789abcdef/routingcontrol/${region}`;
  const [eastControl, westControl] = [control('0123456789abcdef'), control('fedcba9876543210')];
  [lab, cluster, pool] = await Promise.all([
    startLabDns(),
    startCluster({ [eastControl]: 'On', [westControl]: 'Off' }),
    startPool(),
  ]);
  record('route53', route53Sdk.Route53Client.prototype);
  record('lambda', lambdaSdk.LambdaClient.prototype);
  record('route53-recovery-cluster', arcSdk.Route53RecoveryClusterClient.prototype);
  for (const routing of ['simple', 'weighted', 'failover'] as const) await playRoute53(routing);

  const arc = arcDns({
    name,
    type: 'A',
    ttlSeconds: 60,
    endpoints: cluster.endpoints,
    regions: {
      east: { control: eastControl, addresses: ['127.0.1.1'] },
      west: { control: westControl, addresses: ['127.0.2.1'] },
    },
    epoch: async () => 1,
    random: seededRandom(1),
  });
  const on = await arc.read();
  const generation = { number: 2, epoch: 2, region: 'west' };
  await arc.replace(on, { ...on, values: ['127.0.2.1'], generation });

  const functions = lambdaRegion({
    region: 'west',
    awsRegion: 'us-west-2',
    endpoint: pool.url,
    functionName: 'checkout',
    alias: 'live',
    clock: systemClock,
  });
  await functions.facts();
  await functions.provision(1);
  await functions.facts();
  await functions.release();
});

afterAll(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await Promise.all([lab.stop(), cluster.close(), pool.stop()]);
});

test('every call of the providers was played', () => {
  const played = [...new Set(calls.map(({ command }) => command))].sort();
  expect(played).toEqual(
    expect.arrayContaining([
      'ChangeResourceRecordSetsCommand',
      'DeleteProvisionedConcurrencyConfigCommand',
      'GetAccountSettingsCommand',
      'GetFunctionConcurrencyCommand',
      'GetFunctionConfigurationCommand',
      'GetProvisionedConcurrencyConfigCommand',
      'GetRoutingControlStateCommand',
      'ListResourceRecordSetsCommand',
      'PutProvisionedConcurrencyConfigCommand',
      'UpdateRoutingControlStatesCommand',
    ]),
  );
});

describe("the AWS SDK's own model", () => {
  test('has nothing against any request or answer: members, types, what is required', () => {
    const problems = calls.flatMap(({ service, command, input, output }) => {
      const model = operationOf(services[service] ?? {}, command);
      return [
        ...problemsOf(model.input, input, `${command} input`),
        ...(output === null ? [] : problemsOf(model.output, output, `${command} output`)),
      ];
    });
    expect(problems).toEqual([]);
  });

  test('is a judge that finds what is wrong', () => {
    const { input } = operationOf(route53Sdk, 'ChangeResourceRecordSetsCommand');
    const set = { Name: 'x', TTL: '60', Colour: 'red', ResourceRecords: [{ Value: 1 }] };
    const batch = { Changes: [{ Action: 'CREATE', ResourceRecordSet: set }] };
    expect(problemsOf(input, { ChangeBatch: batch }, 'input')).toEqual([
      'input.HostedZoneId: required, and missing',
      'input.ChangeBatch.Changes[0].ResourceRecordSet.Type: required, and missing',
      'input.ChangeBatch.Changes[0].ResourceRecordSet.TTL: string, where the model has number',
      'input.ChangeBatch.Changes[0].ResourceRecordSet.Colour: not in the model',
      'input.ChangeBatch.Changes[0].ResourceRecordSet.ResourceRecords[0].Value: number, where the model has string',
    ]);
  });
});

describe.skipIf(botocoreVersion === null)(
  botocoreVersion === null
    ? "botocore's model: Python's botocore is not installed"
    : `botocore's model (${botocoreVersion})`,
  () => {
    test('has nothing against any request or answer: closed lists, patterns, lengths and ranges too', async () => {
      expect(await botocoreProblems(calls)).toEqual([]);
    });

    test('is a judge that finds what is wrong', async () => {
      const set = { Name: 'x', Type: 'B', TTL: -1, SetIdentifier: '', ResourceRecords: [] };
      const batch = { Changes: [{ Action: 'MOVE', ResourceRecordSet: set }] };
      const found = await botocoreProblems([
        {
          service: 'route53',
          command: 'ChangeResourceRecordSetsCommand',
          input: { HostedZoneId: 'Z'.repeat(33), ChangeBatch: batch },
          output: {},
        },
      ]);
      const at = (path: string) => found.filter((problem) => problem.includes(path)).length;
      expect(
        ['.HostedZoneId', '.Action', '.Type', '.TTL', '.SetIdentifier', '.ResourceRecords'].map(at),
      ).toEqual([1, 1, 1, 1, 1, 1]);
      expect(found).toContainEqual(expect.stringContaining('ChangeInfo: required, and missing'));
    });
  },
);
