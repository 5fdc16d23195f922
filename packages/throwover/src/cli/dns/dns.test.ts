import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Resolvers, startResolvers } from '../../../../lab/src/dns/resolvers.ts';
import { freePort } from '../../../../lab/src/fixtures/ports.ts';
import { seededRandom, systemClock } from '../../kernel/kernel.ts';
import { wholeFile } from '../../service/service.fixture.ts';
import { askUdp, queryOf } from '../../traffic/canary/canary.fixture.ts';
import { expectEveryCall } from '../../wire/wire.fixture.ts';
import { run, runJson, start } from '../terminal.fixture.ts';

const zone = 'canary.example.test';
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Starts a listening process of the command line; it is ended after the test. */
async function listening(...argv: readonly string[]): Promise<Record<string, string>> {
  const running = start(argv);
  let ended = false;
  running.code.then(() => {
    ended = true;
  });
  ends.push(async () => {
    running.interrupt();
    await running.code;
  });
  await expect
    .poll(() => ended || running.stdout().includes('"ready"'), { timeout: 20_000 })
    .toBe(true);
  if (ended) throw new Error(running.stderr());
  return JSON.parse(running.stdout().split('\n')[0] ?? '');
}

async function caches(authoritativePort: number): Promise<Resolvers> {
  const resolvers = await startResolvers(
    {
      host: '127.0.0.1',
      timeScale: 1,
      authoritative: { host: '127.0.0.1', port: authoritativePort },
      resolvers: [
        { port: 0, behaviour: 'honest' },
        { port: 0, behaviour: 'clamped', holdSeconds: 4 },
      ],
    },
    { clock: systemClock, random: seededRandom(5) },
  );
  ends.push(() => resolvers.close());
  return resolvers;
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'throwover-dns-'));
  ends.push(() => rm(path, { recursive: true }));
  return path;
}

const portOf = (address: string) => Number(address.split(':').at(-1));
const getJson = async (url: string) => (await fetch(url)).json();

test('a canary zone by itself, a probe from anywhere, and its samples at a serve', async () => {
  const listen = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  const canary = await listening('dns', 'canary', '--zone', zone, ...listen);
  const { url = '' } = await listening('serve', '--data', await directory(), '--port', '0');
  const { ports } = await caches(portOf(canary['dns'] ?? ''));
  const asked = ports.flatMap((port) => ['--resolver', `127.0.0.1:${port}`]);
  const at = ['--serve', url, '--service', 'checkout', '--vantage', 'office'];
  const probe = await runJson('dns', 'probe', '--zone', zone, '--ttl', '1s', ...asked, ...at);
  expect(probe.code, probe.stderr).toBe(0);
  const kept = await getJson(`${url}/v1/evidence/checkout/resolver`);
  expect(kept).toHaveLength(2);
  expect(kept).toEqual(expect.arrayContaining(probe.json.samples));
  const of = (port: number | undefined) =>
    probe.json.samples.find(({ resolver }: { resolver: string }) => resolver.endsWith(`:${port}`));
  const common = {
    vantage: 'office',
    identity: '127.0.0.1',
    ttlSeconds: 1,
    trials: 3,
    finished: true,
  };
  expect(of(ports[0])).toMatchObject({ ...common, behaviour: 'honest', clampLifeSeconds: null });
  expect(of(ports[1])).toMatchObject({
    ...common,
    behaviour: 'clamps-minimum',
    clampLifeSeconds: 4,
  });
});

test('a beacon is told by the admin port; what nobody asked for is not', async () => {
  const listen = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  const canary = await listening('dns', 'canary', '--zone', zone, ...listen);
  await askUdp(portOf(canary['dns'] ?? ''), queryOf(`nonce-1.b.${zone}`, 'A'));
  const admin = canary['adminUrl'] ?? '';
  const seen = (await getJson(`${admin}/v1/canary/seen/nonce-1`)) as { wallMs: number };
  expect(seen).toMatchObject({ nonce: 'nonce-1', resolver: '127.0.0.1' });
  expect(await getJson(`${admin}/v1/canary/seen?since=0`)).toEqual([seen]);
  expect(await getJson(`${admin}/v1/canary/seen?since=${seen.wallMs + 1}`)).toEqual([]);
  expect(await getJson(`${admin}/v1/canary/seen/nonce-2`)).toBe(null);
  await expectEveryCall(admin);
  expect(await getJson(`${admin}/v1/canary`)).toMatchObject({
    zones: [{ zone, listen: canary['dns'], counters: { answered: 1 } }],
  });
});

test('serve answers for the canary zone, surveys in the background, and shows what is known', async () => {
  const [canaryPort, data] = [await freePort(), await directory()];
  const { ports } = await caches(canaryPort);
  const file = join(data, 'throwover.yaml');
  const resolver = `127.0.0.1:${ports[1]}`;
  // A minute of life time is one second here; no other part of the service exists.
  const more = [
    'timeScale: 60',
    `canary: { zone: ${zone}, listen: "127.0.0.1:${canaryPort}" }`,
    `survey: { resolvers: ["${resolver}"], ttls: [60s], longest: 1h }`,
  ];
  await writeFile(file, `${wholeFile}${more.join('\n')}\n`);
  const { url = '' } = await listening('serve', '--data', data, '--port', '0', '--service', file);
  const samples = () => getJson(`${url}/v1/evidence/checkout/resolver`);
  await expect.poll(samples, { timeout: 40_000, interval: 200 }).toHaveLength(1);
  expect(await samples()).toMatchObject([
    {
      resolver,
      behaviour: 'clamps-minimum',
      clampLifeSeconds: 240,
      ttlSeconds: 60,
      finished: true,
    },
  ]);
  const { resolvers } = (await getJson(`${url}/v1/survey/checkout`)) as { resolvers: unknown };
  expect(resolvers).toMatchObject([{ resolver, finished: true }]);
  expect(await getJson(`${url}/v1/canary`)).toMatchObject({ zones: [{ zone }] });
  await expectEveryCall(url);
});

test.each([
  [['dns', 'probe'], 'survey-no-zone'],
  [['dns', 'probe', '--zone', 'Canary'], 'usage-wrong'],
  [['dns', 'probe', '--zone', zone, '--resolver', 'dns.example'], 'usage-wrong'],
  [['dns', 'probe', '--zone', zone, '--ttl', '10ms'], 'usage-wrong'],
  [['dns', 'canary', '--zone', zone, '--listen', 'localhost:53'], 'usage-wrong'],
  [['dns', 'canary', '--zone', zone, '--rate', '0'], 'usage-wrong'],
  [['dns', 'canary', '--zone', zone, '--nameserver', 'ns1=here'], 'usage-wrong'],
] as const)('%j is refused: %s', async (argv, code) => {
  const { code: exit, stderr } = await run(...argv);
  expect(stderr).toContain(`${code}:`);
  expect(exit).toBe(2);
});

test('a resolver that does not answer is told, with what to look at', async () => {
  const port = await freePort();
  const { code, stderr } = await run(
    'dns',
    'probe',
    '--zone',
    zone,
    '--resolver',
    `127.0.0.1:${port}`,
  );
  expect(stderr).toContain('survey-unanswered:');
  expect(code).toBe(7);
});
