/**
 * What a stranger with network reach could do before machines had certificates, tried against a
 * whole lab: every port for commands, with every certificate that a stranger can have.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from 'throwover/kernel';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guardStatus } from '../world/guard-status.ts';
import { Lab } from '../world/lab.ts';
import { labOptions } from '../world/options.ts';
import { throwoverBin } from '../world/specs.ts';
import { throwoverJson } from '../world/throwover-cli.ts';

/** Separate from every other lab of the tests. */
const portBase = 25_800;
const timeoutMs = 120_000;

let lab: Lab;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'throwover-attack-'));
  lab = await Lab.up(labOptions({ portBase, dir, lagProfile: 'none', keepWarm: '1s' }));
}, timeoutMs);

afterAll(async () => {
  await Promise.all([...agents.values()].map((agent) => agent.close()));
  await lab?.down();
  rmSync(dir, { recursive: true, force: true });
}, timeoutMs);

const forged = 2 ** 53 - 1;
const run = 'run-of-nobody';
const scope = { service: 'checkout', from: 'east', to: 'west', run };
const invented = { kind: 'overridden', by: 'eve', reason: 'east is dead' };
const lease = { owner: 'eve', leaseMs: 60_000 };
const plan = {
  ...{ service: 'checkout', kind: 'failover', from: 'east', to: 'west', epoch: 1 },
  ...{ planDigest: 'sha256:abc', plan: {}, ...lease },
};
const deliver = { mode: 'deliver', region: 'west', epoch: 9, url: 'http://127.0.0.1:1' };

type Attack = readonly [
  what: string,
  at: (lab: Lab) => Endpoint,
  how: readonly ['GET' | 'PUT' | 'POST', string, object?],
];

const store = ({ map }: Lab) => map.store;
const guard = ({ map }: Lab) => map.regions.west.public.guard;
const writer = ({ map }: Lab) => map.regions.east.public.guard;
const betweenRegions = ({ map }: Lab) => map.regions.east.public.interGuard;
const door = ({ map }: Lab) => map.regions.east.public.doorAdmin;
const gateway = ({ map }: Lab) => map.regions.east.public.gatewayAdmin;

/** The first of each is the one that was tried; the others stand beside it. */
const attacks: readonly Attack[] = [
  ['A1 begins a failover that nobody approved', store, ['POST', '/v1/store/beginRun', plan]],
  [
    'A1 begins a switchover',
    store,
    ['POST', '/v1/store/beginRun', { ...plan, kind: 'switchover' }],
  ],
  ['A1 throws the kill switch', store, ['POST', '/v1/store/setHalt', { by: 'eve', reason: 'x' }]],
  [
    ...(['A2 promotes with an invented proof', guard] as const),
    ['POST', '/v1/promote', { scope, token: 9, epoch: 2, proof: invented, lossy: null }],
  ],
  [
    ...(['A2 fences the writer for good', writer] as const),
    ['POST', '/v1/fence', { scope, token: 9, openTransactionsMs: 0, deadlineMs: null }],
  ],
  [
    ...(['A2 has the writer follow a stranger', writer] as const),
    ['POST', '/v1/attach', { scope, token: 9, upstream: 'west' }],
  ],
  ['A2 stops the database', writer, ['POST', '/v1/stop', { scope, token: 9 }]],
  [
    ...(['A3 opens an epoch of 2^53-1', store] as const),
    ['POST', '/v1/store/adoptEpoch', { service: 'checkout', epoch: forged, active: 'west' }],
  ],
  [
    ...(['A3 tells the writer of that epoch as its peer', betweenRegions] as const),
    [
      ...(['POST', '/v1/peer/word'] as const),
      {
        pair: { service: 'checkout', from: 'west', to: 'east' },
        known: { epoch: forged, active: 'west' },
      },
    ],
  ],
  [
    ...(['A5 turns the gateway to another address', gateway] as const),
    ['PUT', '/v1/gateway/mode', { mode: deliver, token: forged }],
  ],
  [
    ...(['A5 sends customers of the door elsewhere', door] as const),
    [
      ...(['PUT', '/v1/door'] as const),
      {
        region: 'east',
        mode: { mode: 'forward', region: 'west', epoch: 9, url: 'http://127.0.0.1:1' },
        token: forged,
      },
    ],
  ],
  ['A5 reads the journal of webhooks', gateway, ['GET', '/v1/gateway/events?limit=10']],
  [
    ...(['A6 takes a run over', store] as const),
    ['POST', '/v1/store/takeRun', { runId: run, force: true, ...lease }],
  ],
  [
    ...(['A6 ends a run that did nothing', store] as const),
    [
      ...(['POST', '/v1/store/append'] as const),
      {
        ...{ runId: run, token: forged },
        records: [
          { seq: 1, wallMs: 1, token: forged, type: 'ended', status: 'succeeded', reason: 'x' },
        ],
      },
    ],
  ],
  [
    ...(['A11 stores an escape sequence', store] as const),
    ['POST', '/v1/store/setHalt', { by: '\u001b[2J', reason: '\u001b]0;x\u0007' }],
  ],
  [
    ...(['N2 fences with a token that nobody can exceed', guard] as const),
    ['POST', '/v1/fence', { scope, token: forged, openTransactionsMs: 0, deadlineMs: 1_000 }],
  ],
  ['N2 renounces with it', guard, ['POST', '/v1/renounce', { scope, token: forged }]],
  ['asks for the plan of every port', store, ['GET', '/openapi.json']],
  ['reads the metrics', store, ['GET', '/metrics']],
];

/** Certificates that a stranger can have. */
const strangers = {
  'no certificate': () => null,
  'a certificate of its own authority': () => issuedBy('foreign', 'checkout', 'controller'),
  'a certificate of another service, of our authority': () =>
    issuedBy('pki', 'search', 'controller'),
  'the certificate of a gateway': () => pem('pki', 'checkout.gateway.west.1'),
  'the certificate of a door': () => pem('pki', 'checkout.door.west.1'),
} as const;

function pem(folder: string, name: string) {
  const at = (end: string) => readFileSync(join(dir, folder, 'issued', `${name}.${end}`));
  return { cert: at('crt'), key: at('key') };
}

function issuedBy(folder: string, service: string, role: string) {
  const pki = (...args: readonly string[]) =>
    execFileSync(process.execPath, [throwoverBin, 'pki', ...args, '--dir', join(dir, folder)], {
      stdio: 'ignore',
    });
  if (folder !== 'pki') pki('init');
  pki('issue', '--service', service, '--role', role);
  return pem(folder, `${service}.${role}.1`);
}

const agents = new Map<keyof typeof strangers, Agent>();
function agentOf(who: keyof typeof strangers): Agent {
  const known = agents.get(who);
  if (known !== undefined) return known;
  const agent = new Agent({ connect: { ...strangers[who](), rejectUnauthorized: false } });
  agents.set(who, agent);
  return agent;
}

/** What a stranger could have changed. */
async function state() {
  const [board, east, west] = await Promise.all([
    throwoverJson<{ parts: readonly { state: string }[] }>(['check'], dir),
    guardStatus(lab.map, 'east'),
    guardStatus(lab.map, 'west'),
  ]);
  const { runs } = await throwoverJson<{ runs: readonly object[] }>(['runs'], dir);
  const guards = [east, west].map(({ role, closed, streaming }) => ({ role, closed, streaming }));
  const unwell = board.parts.filter(({ state: one }) => /^un(healthy|reachable)$/.test(one));
  return { unwell, guards, runs };
}

describe.each(Object.keys(strangers) as (keyof typeof strangers)[])('with %s', (who) => {
  it(
    'nothing is done, and nothing is told',
    async () => {
      const before = await state();
      for (const [what, at, [method, path, body]] of attacks) {
        const { host, port } = at(lab);
        const answer = await request(`https://${host}:${port}${path}`, {
          ...{ method, dispatcher: agentOf(who) },
          ...(body === undefined
            ? {}
            : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        });
        const { code } = (await answer.body.json()) as { readonly code?: string };
        const openly = path === '/openapi.json' && /^the certificate of/.test(who);
        expect([what, answer.statusCode, code]).toEqual(
          openly
            ? [what, 200, undefined]
            : [what, 403, expect.stringMatching(/^(caller-refused|call-not-allowed)$/)],
        );
      }
      expect(await state()).toEqual(before);
      expect(before).toMatchObject({ unwell: [], runs: [] });
    },
    timeoutMs,
  );
});

it('without TLS no port for commands answers at all', async () => {
  for (const at of [store, guard, writer, betweenRegions, door, gateway]) {
    const { host, port } = at(lab);
    const answered = await new Promise<string>((resolve) => {
      let seen = '';
      const socket = connect(port, host, () => socket.write('GET /v1/status HTTP/1.1\r\n\r\n'));
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1');
      });
      socket.on('close', () => resolve(seen));
      socket.on('error', () => resolve(seen));
    });
    expect(answered).not.toContain('HTTP/1.1 200');
  }
});

it(
  'the service still moves, and the writes are all there',
  async () => {
    const { digest } = await throwoverJson<{ digest: string }>(
      ['plan', 'switchover', '--to', 'west'],
      dir,
    );
    await throwoverJson(['switchover', '--to', 'west', '--yes', digest], dir);
    expect(await lab.active()).toBe('west');
  },
  timeoutMs,
);
