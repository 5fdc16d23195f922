import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { positionOf } from '@throwover/client';
import { Hono } from 'hono';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machineOf } from '../access/configured.ts';
import type { Identity } from '../access/identity.ts';
import { newAuthority } from '../access/issuing.ts';
import type { Machine } from '../access/machine.ts';
import { formatName, type MachineRole, machineRoles, parseName } from '../access/names.ts';
import { testPki } from '../access/pki.fixture.ts';
import { defineErrors, listenAt, systemClock } from '../kernel/kernel.ts';
import { guardTable } from '../providers/postgres/guard/server.ts';
import { serveTable } from '../server/calls.ts';
import { doorTable } from '../traffic/door-admin.ts';
import { gatewayTable } from '../webhooks/admin.ts';
import { callersOf } from './callers.ts';
import { controlServer } from './control-server.ts';
import { Routes } from './routes.ts';
import type { Call, ProcessTable } from './wire.ts';

const errors = defineErrors({
  bad: { disposition: 'stop', notLost: 'Nothing was changed.', remedy: 'Call it right.' },
});

/** Every process with its table, and the name in its own certificate. */
const processes = {
  serve: { table: serveTable, uri: 'throwover://checkout/serve/1' },
  guard: { table: guardTable, uri: 'throwover://checkout/guard/west/1' },
  door: { table: doorTable, uri: 'throwover://checkout/door/west/1' },
  gateway: { table: gatewayTable, uri: 'throwover://checkout/gateway/west/1' },
} as const satisfies Record<string, { table: ProcessTable; uri: string }>;

/** Written by hand, and not taken from the code: what each role of a machine may act as. */
const acts: Record<MachineRole, readonly string[]> = {
  controller: ['controller', 'viewer', 'operator'],
  serve: ['serve', 'controller', 'viewer', 'operator'],
  guard: ['guard'],
  agent: [],
  door: [],
  gateway: [],
  metrics: ['metrics'],
};

/** Calls of a guard for one region, with bodies that their schemas accept. */
const forRegion = (region: string) => {
  const pair = { service: 'checkout', from: region, to: region === 'east' ? 'west' : 'east' };
  const record = { epoch: 1, inSync: true, position: positionOf(1, '0/1'), wallMs: 1 };
  return {
    '/v1/peer/word': { pair, known: { epoch: 1, active: 'east' } },
    '/v1/peer/renounce': { pair, run: 'run-1', token: 1 },
    '/v1/peer/promise': { pair, epoch: 1, leaseMs: 1_000 },
    '/v1/store/adoptEpoch': { service: 'checkout', epoch: 2, active: region },
    '/v1/store/renewWriter': { service: 'checkout', region, epoch: 1, leaseMs: 1_000 },
    '/v1/peer/sync': { pair, record },
    '/v1/store/recordSync': { service: 'checkout', region, ...record },
  } as Readonly<Record<string, object>>;
};

/** Another instance for each test that shows certificates of several dates. */
const uriOf = (role: MachineRole, region = 'east', instance = '9') =>
  ['serve', 'controller', 'metrics'].includes(role)
    ? `throwover://checkout/${role}/${instance}`
    : `throwover://checkout/${role}/${region}/${instance}`;

const dir = mkdtempSync(join(tmpdir(), 'throwover-callers-'));
const pki = testPki(dir);
const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
  rmSync(dir, { recursive: true, force: true });
});

async function opened(identity: Identity, expected = {}): Promise<Machine> {
  const machine = await machineOf(identity, { expected, clock: systemClock });
  if (machine === null) throw new Error('no machine');
  closing.push(() => machine.close());
  return machine;
}

/** A process with this table, whose calls do nothing; returns its address. */
async function started({ table, uri }: { table: ProcessTable; uri: string }): Promise<string> {
  const machine = await opened(pki.identity(uri));
  const app = new Hono();
  const routes = new Routes(app, {
    ...{ title: 'a process', table, maxBodyBytes: 64 * 1024, callers: callersOf(machine) },
    badCall: (message) => errors.make('bad', message),
  });
  for (const calls of Object.values(table)) {
    const done = Object.keys(calls).map((name) => [name, () => Response.json('done')]);
    routes.add(calls, Object.fromEntries(done));
  }
  const server = controlServer(app, { machine });
  const { port } = await listenAt(server, { host: '127.0.0.1', port: 0 });
  closing.push(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  return `https://127.0.0.1:${port}`;
}

/** A client that shows this certificate, and believes whoever answers. */
function client(identity: { certificate: string; key: string } | null): Agent {
  const own = identity === null ? {} : { cert: identity.certificate, key: identity.key };
  const agent = new Agent({ connect: { ...own, rejectUnauthorized: false } });
  closing.push(() => agent.close());
  return agent;
}

async function answerTo(url: string, call: Call, { agent, body }: { agent: Agent; body?: object }) {
  const { statusCode, body: read } = await request(`${url}${call.path.replaceAll(/:\w+/g, 'x')}`, {
    method: call.method,
    dispatcher: agent,
    headers: call.body === undefined ? {} : { 'content-type': 'application/json' },
    body: call.body === undefined ? null : JSON.stringify(body ?? { nothing: 'that it takes' }),
  });
  const { code } = (await read.json()) as { readonly code?: string };
  return { status: statusCode, code };
}

const revoked = pki.issue('throwover://checkout/controller/revoked');
pki.revoke(revoked);
const foreign = newAuthority({ number: 1, nowWallMs: systemClock.wallMs() });
const controller = uriOf('controller');
/** Certificates that nobody of the service has. */
const strangers: Readonly<Record<string, { certificate: string; key: string } | null>> = {
  none: null,
  'of another service': pki.issue('throwover://search/controller/1'),
  'of a foreign authority': pki.issue(controller, { by: foreign }),
  'expired and of a foreign authority': pki.issue(controller, { term: 'expired', by: foreign }),
  'not yet valid and of a foreign authority': pki.issue(controller, {
    ...{ term: 'not-yet-valid', by: foreign },
  }),
  "of a machine's own making": pki.issue(controller, { by: pki.issue(uriOf('guard')) }),
  revoked,
};

describe.each(Object.entries(processes))('%s', (_process, process) => {
  const calls = Object.values<Readonly<Record<string, Call>>>(process.table).flatMap((table) =>
    Object.entries(table),
  );
  let url = '';
  beforeAll(async () => {
    url = await started(process);
  });

  it('names for each of its calls who may call it', () => {
    expect(calls.length).toBeGreaterThan(0);
    for (const [name, { roles }] of calls) expect([name, roles.length]).not.toEqual([name, 0]);
  });

  it.each(Object.keys(strangers))(
    'nobody asks anything with a certificate that is %s',
    async (kind) => {
      const agent = client(strangers[kind] ?? null);
      const anything = { ...guardTable.side.status, path: '/openapi.json' } as const;
      for (const [name, call] of [...calls, ['openapi', anything] as const]) {
        expect([name, await answerTo(url, call, { agent })]).toEqual([
          ...[name, { status: 403, code: 'caller-refused' }],
        ]);
      }
    },
  );

  describe.each([...machineRoles])('a certificate of %s', (role) => {
    it.each(['valid', 'expired', 'not-yet-valid'] as const)(
      '%s: as the table says',
      async (term) => {
        const agent = client(pki.issue(uriOf(role, 'east', term), { term }));
        for (const [name, call] of calls) {
          const may = call.roles.some((one) => acts[role].includes(one));
          const { code } = await answerTo(url, call, { agent });
          const expected = !may
            ? 'call-not-allowed'
            : call.inDateOnly && term !== 'valid'
              ? 'certificate-out-of-date'
              : // It came as far as its body, or was done.
                expect.not.stringMatching(/allowed|refused|date/);
          expect([name, code ?? 'done']).toEqual([name, expected]);
        }
      },
    );
  });

  it('a guard speaks for its own region alone', async () => {
    const agent = client(pki.issue(uriOf('guard', 'east')));
    for (const [name, call] of calls.filter(([, { guardOf }]) => guardOf !== undefined)) {
      const asked = async (region: string) =>
        (await answerTo(url, call, { agent, body: forRegion(region)[call.path] ?? {} })).code;
      expect([name, await asked('east')]).toEqual([name, undefined]);
      expect([name, await asked('west')]).toEqual([name, 'call-not-allowed']);
    }
  });
});

it('who is not trusted any more gets nothing from any check, also in the middle of a call', () => {
  const judgement = {
    state: 'refused',
    reason: 'revoked',
    said: 'it is revoked',
    name: null,
  } as const;
  const name = parseName(processes.guard.uri);
  const callers = callersOf({ name, callerOf: () => judgement } as unknown as Machine);
  const request = { socket: {} } as IncomingMessage;
  const { word } = guardTable.peer;
  for (const refusal of [
    callers.refused(request),
    callers.notAllowed(request, 'word', word),
    callers.notForGuard(request, word, forRegion('east')[word.path]),
  ]) {
    expect(refusal?.code).toBe('caller-refused');
  }
});

it('only beginnings and administration need a certificate that is in date', () => {
  const calls = Object.values(processes).flatMap(({ table }) =>
    Object.values<Readonly<Record<string, Call>>>(table).flatMap((table) => Object.entries(table)),
  );
  const named = calls.filter(([, { inDateOnly }]) => inDateOnly === true).map(([name]) => name);
  expect(named.sort()).toEqual(['acceptCluster', 'beginRun', 'registerService']);
});

it('a person on the host of a guard comes with its own certificate', async () => {
  const { uri } = processes.guard;
  const url = await started(processes.guard);
  const { acceptCluster } = guardTable.host;
  const asked = async (of: string) =>
    (await answerTo(url, acceptCluster, { agent: client(pki.issue(of)) })).code;
  expect(await asked(uri)).toBe('bad');
  expect(await asked('throwover://checkout/guard/west/2')).toBe('call-not-allowed');
});

it('a certificate that is revoked while its connection is open is refused at the next call', async () => {
  const url = await started(processes.guard);
  const one = pki.issue('throwover://checkout/controller/left');
  const agent = client(one);
  const { status } = guardTable.side;
  expect(await answerTo(url, status, { agent })).toEqual({ status: 200, code: undefined });
  pki.revoke(one);
  await expect
    .poll(async () => (await answerTo(url, status, { agent })).code, { timeout: 20_000 })
    .toBe('caller-refused');
});

it('a connection outlives the renewal of its certificate, and others follow within a minute', async () => {
  const url = await started(processes.guard);
  const uri = 'throwover://checkout/controller/renewing';
  const [old, renewed] = [pki.issue(uri, { term: 'expired' }), pki.issue(uri)];
  const before = client(old);
  const { status } = guardTable.side;
  const asked = async (agent: Agent) => (await answerTo(url, status, { agent })).code;
  expect(await asked(before)).toBeUndefined();
  expect(await asked(client(renewed))).toBeUndefined();
  // Judged anew after a second.
  await systemClock.sleep(1_100);
  expect(await asked(before)).toBeUndefined();
  expect(await asked(client(old))).toBeUndefined();
});

describe('a client', () => {
  const to = (machine: Machine, url: string, callee: Parameters<Machine['connectTo']>[0]) => {
    const connect = machine.connectTo(callee);
    const agent = new Agent(connect === undefined ? {} : { connect });
    closing.push(() => agent.destroy());
    return answerTo(url, guardTable.side.status, { agent });
  };

  it('speaks only with the machine that must answer', async () => {
    const machine = await opened(pki.identity(controller));
    const url = await started(processes.guard);
    expect(await to(machine, url, { role: 'guard', region: 'west' })).toMatchObject({
      status: 200,
    });
    for (const callee of [
      { role: 'guard', region: 'east' },
      { role: 'door', region: 'west' },
      { role: 'serve', region: null },
    ] as const) {
      await expect(to(machine, url, callee)).rejects.toThrow(/must answer there/);
    }
    const plain = url.replace('https', 'http');
    await expect(to(machine, plain, { role: 'guard', region: 'west' })).rejects.toThrow(
      /must be an https address/,
    );
  });

  it.each(['of another service', 'of a foreign authority', 'expired'])(
    'and not with a certificate that is %s; expired alone is no reason',
    async (kind) => {
      const machine = await opened(pki.identity(controller));
      const uri =
        kind === 'of another service' ? 'throwover://search/guard/west/1' : processes.guard.uri;
      const impostor = pki.issue(uri, {
        ...(kind === 'of a foreign authority' ? { by: foreign } : {}),
        ...(kind === 'expired' ? { term: 'expired' as const } : {}),
      });
      const server = controlServer(
        new Hono().get('*', (c) => c.json('done')),
        {
          machine: {
            ...machine,
            serverOptions: () => ({ cert: impostor.certificate, key: impostor.key }),
          },
        },
      );
      const { port } = await listenAt(server, { host: '127.0.0.1', port: 0 });
      closing.push(async () => server.close().closeAllConnections());
      const asked = to(machine, `https://127.0.0.1:${port}`, { role: 'guard', region: 'west' });
      if (kind === 'expired') expect(await asked).toMatchObject({ status: 200 });
      else await expect(asked).rejects.toThrow(/is not accepted/);
    },
  );
});

it('a renewed certificate is shown without a restart, and the old one is refused', async () => {
  const url = await started(processes.door);
  const identity = pki.identity(controller, { term: 'expired' });
  const machine = await opened(identity);
  const connect = machine.connectTo({ role: 'door', region: 'west' });
  const asked = async () => {
    const agent = new Agent(connect === undefined ? {} : { connect });
    closing.push(() => agent.destroy());
    const call = { ...doorTable.door.status, inDateOnly: true } as Call;
    return answerTo(url, call, { agent });
  };
  expect(await asked()).toMatchObject({ status: 200 });
  const renewed = pki.issue(controller);
  writeFileSync(identity.certificate, renewed.certificate);
  writeFileSync(identity.key, renewed.key);
  await expect.poll(asked, { timeout: 20_000 }).toMatchObject({ status: 200 });
});

it.each([
  ['service', 'search'],
  ['role', 'door'],
  ['region', 'east'],
])(
  'a certificate of another %s than the configuration says is refused at the start',
  async (part, value) => {
    await expect(
      opened(pki.identity(processes.guard.uri), { [part]: value }),
    ).rejects.toMatchObject({
      code: 'certificate-files-wrong',
    });
  },
);

it('names are as they are written', () => {
  for (const { uri } of Object.values(processes)) {
    const name = parseName(uri);
    expect(name === null ? null : formatName(name)).toBe(uri);
  }
});
