/** Guards with certificates: real servers, real TLS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildConnector } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { kill, startSide, until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { machineOf } from '../../../access/configured.ts';
import type { Machine } from '../../../access/machine.ts';
import { type Term, testPki } from '../../../access/pki.fixture.ts';
import { ofRun } from '../../../authority/guard/guard.fixture.ts';
import { systemClock, urlOf } from '../../../kernel/kernel.ts';
import { postgresSide } from '../database-side.ts';
import { type Guards, guardsOf, insertOnce, untilOneCluster } from './guards.fixture.ts';
import { acceptCluster } from './local.ts';
import { closeBeforeStart } from './pre-start.ts';

let pair: Pair;
let dir: string;
const ending: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  pair = await testPair();
}, 300_000);
beforeEach(async () => {
  await pair.databases.reset();
  dir = mkdtempSync(join(tmpdir(), 'throwover-access-'));
});
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
  rmSync(dir, { recursive: true, force: true });
});
afterAll(() => pair.remove());

/** Guards and a controller whose certificates are all of this term. */
async function service(term: Term) {
  const pki = testPki(dir);
  const names = {
    east: 'throwover://checkout/guard/east/1',
    west: 'throwover://checkout/guard/west/1',
  };
  const identity = {
    east: pki.identity(names.east, { term }),
    west: pki.identity(names.west, { term }),
  };
  const controllers = async (uri: string, of: Term = term): Promise<Machine> => {
    const machine = await machineOf(pki.identity(uri, { term: of }), {
      ...{ expected: {}, clock: systemClock },
    });
    if (machine === null) throw new Error('no machine');
    ending.push(() => machine.close());
    return machine;
  };
  const { connectTo } = await controllers('throwover://checkout/controller/1');
  const guards = await guardsOf(pair, { identity, connectTo });
  ending.unshift(() => guards.end());
  return { pki, names, identity, guards, controllers };
}

/** Whether the writer takes a write. */
const writes = () =>
  insertOnce(pair, 'east').then(
    () => true,
    () => false,
  );

async function bothOf(guards: Guards) {
  const [{ side: east }, { side: west }] = await Promise.all([
    guards.start('east'),
    guards.start('west'),
  ]);
  await Promise.all([untilOneCluster(east), untilOneCluster(west)]);
  await until('the writer is open', writes);
  return { east, west };
}

describe.each(['valid', 'expired', 'not-yet-valid'] as const)(
  'with certificates that are all %s',
  (term) => {
    it('the guards hear each other, and a run that was begun goes to its end', async () => {
      const { guards } = await service(term);
      const { east, west } = await bothOf(guards);
      const run = ofRun(5);
      const fence = await east.fence({ ...run, openTransactionsMs: 0, deadlineMs: 20_000 });
      await expect(insertOnce(pair, 'east')).rejects.toThrow();
      await until('the standby has it all', async () => {
        const { received } = await west.status();
        return received !== null && received >= fence.position;
      });
      await west.promote({ ...run, epoch: 2, proof: fence, lossy: null });
      await insertOnce(pair, 'west');
      expect((await west.status()).known).toEqual({ epoch: 2, active: 'west' });
    });
  },
);

it('a database that its guard has opened stays open while every certificate is replaced', async () => {
  const { guards, pki, names, identity } = await service('expired');
  const { east, west } = await bothOf(guards);
  for (const name of ['east', 'west'] as const) {
    const renewed = pki.issue(names[name]);
    writeFileSync(identity[name].certificate, renewed.certificate);
    writeFileSync(identity[name].key, renewed.key);
  }
  // Longer than the time between two looks at the files.
  const endMs = systemClock.monotonicMs() + 12_000;
  while (systemClock.monotonicMs() < endMs) {
    await insertOnce(pair, 'east');
    await west.status();
  }
  expect((await east.status()).closed).toBeNull();
});

it.each([
  ['another service', 'throwover://search/controller/1', 'caller-refused'],
  ['the guard of the same region', 'throwover://checkout/guard/west/2', 'call-not-allowed'],
  ["the other region's guard", 'throwover://checkout/guard/east/1', 'call-not-allowed'],
  ['a gateway', 'throwover://checkout/gateway/west/1', 'call-not-allowed'],
])('no fence and no promotion is obeyed of %s', async (_who, uri, code) => {
  const { guards, pki } = await service('valid');
  const { west } = await bothOf(guards);
  const before = await west.status();
  const { listen } = guards.config('west') as { listen: { host: string; port: number } };
  const { certificate: cert, key } = pki.issue(uri);
  // The stranger believes whoever answers.
  const connect = buildConnector({ cert, key, rejectUnauthorized: false });
  const stranger = postgresSide({
    ...{ region: 'west', guardUrl: urlOf(listen, 'https'), clock: systemClock, connect },
    attachTimeoutMs: 1_000,
  });
  ending.unshift(() => stranger.close());
  const run = ofRun(900_000);
  const proof = { kind: 'overridden', by: 'eve', reason: 'it is dead' } as const;
  const asked = [
    stranger.fence({ ...run, openTransactionsMs: 0, deadlineMs: null }),
    stranger.promote({ ...run, epoch: 2, proof, lossy: null }),
    stranger.renounce(run),
    stranger.status(),
  ];
  for (const one of asked) await expect(one).rejects.toMatchObject({ code });
  const { token, renounced, role, known } = await west.status();
  expect({ token, renounced, role, known }).toEqual({
    ...{ token: before.token, renounced: before.renounced },
    ...{ role: before.role, known: before.known },
  });
});

it('a person on the host accepts a cluster, with the certificate of the guard', async () => {
  const { guards } = await service('valid');
  await bothOf(guards);
  const wrong = acceptCluster(guards.config('west'), { identifier: '1', by: 'ana' });
  await expect(wrong).rejects.toMatchObject({ code: 'cluster-not-accepted' });
});

it('a unit of the system asks the guard with its own certificate before it starts PostgreSQL', async () => {
  const { guards } = await service('valid');
  const byUnit = {
    postgres: {
      ...(guards.config('east') as { postgres: object }).postgres,
      startDatabase: false,
    },
  };
  await closeBeforeStart(guards.config('east', byUnit));
  await startSide(pair, 'east');
  await guards.start('east', byUnit);
  await guards.start('west');
  await until('the writer is open', writes);
  await kill(pair, 'east');
  await closeBeforeStart(guards.config('east', byUnit));
  await startSide(pair, 'east');
  await until('the writer is open', writes);
});

it('a guard whose port is taken leaves nothing behind', async () => {
  const { guards } = await service('valid');
  await guards.start('east');
  await expect(guards.start('east')).rejects.toMatchObject({ code: 'guard-port-taken' });
});
