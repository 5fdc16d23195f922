/** Databases that look like the standby of this service but are not: real servers, real guards. */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bytesOf } from '@throwover/client';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { kill, startSide, until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { ofRun } from '../../../authority/guard/guard.fixture.ts';
import { newGuardMemory } from '../../../authority/guard/guard.ts';
import type { ClusterVerdict, DatabaseStatus } from '../../../authority/messages.ts';
import { systemClock } from '../../../kernel/kernel.ts';
import { oneCluster } from '../../../replication/replication.ts';
import { type GuardHandle, type Guards, guardsOf } from './guards.fixture.ts';
import { acceptCluster } from './local.ts';
import { memoryIn } from './state.ts';

let pair: Pair;
let guards: Guards;
let foreign: Pair;

beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
  foreign = await testPair();
}, 300_000);
beforeEach(() => pair.databases.reset());
afterEach(() => guards.end());
afterAll(async () => {
  await pair.remove();
  await foreign.remove();
});

const overridden = { kind: 'overridden', by: 'ana', reason: 'east is dead' } as const;
const code = (name: string) => expect.objectContaining({ code: name });
const dataDir = (of: Pair, name: 'east' | 'west') => of.databases.side(name).dataDir;
const verdictOf = async ({ side }: GuardHandle): Promise<ClusterVerdict> =>
  (await side.status()).clusterVerdict;
const untilIs = (guard: GuardHandle, is: ClusterVerdict['is']) =>
  until(`${guard.side.region} says ${is}`, async () => (await verdictOf(guard)).is === is);
const untilStatus = (
  guard: GuardHandle,
  what: string,
  holds: (status: DatabaseStatus) => boolean,
) => until(what, async () => holds(await guard.side.status()));

/** Returns the refusals of a plan. `lost`: of a failover's plan. */
function planned(east: GuardHandle, west: GuardHandle, lost = false) {
  const patience = lost ? { lostPatienceMs: 500 } : {};
  const guard = oneCluster({ from: east.side, to: west.side, ...patience });
  return guard.check({ clock: systemClock, signal: new AbortController().signal });
}

async function agreedPair() {
  const [east, west] = await Promise.all([guards.start('east'), guards.start('west')]);
  await untilIs(west, 'same');
  await untilIs(east, 'same');
  return { east, west };
}

/** Replaces west's data directory by a copy of `from`, and starts its server. */
async function putInWest(from: string): Promise<void> {
  await kill(pair, 'west');
  await rm(dataDir(pair, 'west'), { recursive: true, force: true });
  await promisify(execFile)('cp', ['-a', from, dataDir(pair, 'west')]);
  await startSide(pair, 'west');
}

/** Starts a pair from another initdb, streaming, whose log is further on than ours. */
async function startForeign(): Promise<void> {
  await foreign.databases.reset();
  await startSide(foreign, 'east');
  for (let number = 0; number < 4; number++) {
    await foreign.ask('east', `SELECT pg_logical_emit_message(false, 'x', 'y'), pg_switch_wal()`);
  }
}

it('refuses a standby of another cluster that streams and is further on: plan, promotion, attach and salvage', async () => {
  const { east, west } = await agreedPair();
  expect(await planned(east, west)).toEqual([]);
  await west.end();
  await startForeign();
  await putInWest(dataDir(foreign, 'west'));

  // A restarted guard with its stored memory.
  const again = await guards.start('west');
  await untilStatus(again, 'it streams from its own primary', ({ streaming }) => streaming);
  const [ours, theirs] = await Promise.all([east.side.status(), again.side.status()]);
  expect(theirs).toMatchObject({ role: 'standby', streaming: true });
  const at = ({ received }: DatabaseStatus) => bytesOf(received ?? ('0/0' as never));
  await until('it is further on', async () => at(await again.side.status()) > at(ours));
  await untilIs(again, 'different');
  await untilIs(east, 'different');
  for (const lost of [false, true]) {
    expect(await planned(east, again, lost)).toMatchObject([
      { error: { code: 'cluster-different' }, override: null },
    ]);
  }
  const promotion = {
    ...{ epoch: 2, region: 'east', timeline: 2, nextXid: null },
    switchPosition: ours.position ?? ('' as never),
  };
  const attach = again.side.attach({
    ...ofRun(1),
    epoch: 2,
    upstream: 'east',
    promotion,
    discards: true,
  });
  await expect(attach).rejects.toEqual(code('cluster-different'));
  const salvage = again.side.salvage({
    ...{ ...ofRun(1), epoch: 2, from: 0, limit: 1 },
    switchPosition: promotion.switchPosition,
  });
  await expect(salvage).rejects.toEqual(code('cluster-different'));

  // East is gone: the agreement of both guards decides.
  await east.end();
  await kill(pair, 'east');
  expect(await planned(east, again, true)).toMatchObject([
    { error: { code: 'cluster-different' }, override: null },
  ]);
  const promote = again.side.promote({
    ...{ ...ofRun(2), epoch: 2, proof: overridden, lossy: { sequenceAdvance: 1 } },
    unknownCluster: true,
  });
  await expect(promote).rejects.toEqual(code('cluster-different'));
  expect(await again.side.status()).toMatchObject({
    role: 'standby',
    cluster: { identifier: theirs.cluster?.identifier },
  });
}, 180_000);

it('refuses a restored backup of this very cluster, on a timeline of its own', async () => {
  const { east, west } = await agreedPair();
  const { identifier } = (await west.side.status()).cluster ?? {};
  await west.end();
  await putInWest(join(pair.dir, 'saved', 'west'));
  await pair.ask('west', `ALTER SYSTEM SET primary_conninfo = ''`);
  await pair.ask('west', 'SELECT pg_promote(true)');
  for (let number = 0; number < 4; number++) {
    await pair.ask('west', `SELECT pg_logical_emit_message(false, 'x', 'y'), pg_switch_wal()`);
  }
  await pair.ask('west', 'CHECKPOINT');
  await kill(pair, 'west');
  const signal = join(dataDir(pair, 'west'), 'standby.signal');
  await writeFile(signal, '', { mode: 0o644 });
  await startSide(pair, 'west');

  const again = await guards.start('west');
  await untilIs(again, 'different');
  expect(await again.side.status()).toMatchObject({
    role: 'standby',
    cluster: { identifier, timeline: 2, left: [expect.any(String)] },
    clusterVerdict: { why: 'history-forked' },
  });
  await east.end();
  await kill(pair, 'east');
  const promote = again.side.promote({
    ...{ ...ofRun(2), epoch: 2, proof: overridden, lossy: { sequenceAdvance: 1 } },
    unknownCluster: true,
  });
  await expect(promote).rejects.toEqual(code('cluster-different'));
}, 180_000);

it('takes a foreign cluster on the word of a person on this host alone, and writes down who and when', async () => {
  await startForeign();
  await putInWest(dataDir(foreign, 'west'));
  const { stateDir } = pair.databases.side('west');
  const config = guards.config('west');
  // A file of the version before, which had no cluster.
  const { cluster: _none, ...before } = newGuardMemory();
  await writeFile(join(stateDir, 'guard.json'), JSON.stringify(before));
  const west = await guards.start('west');
  expect(await verdictOf(west)).toMatchObject({ is: 'unknown', why: 'never-agreed' });
  const command = { ...ofRun(2), epoch: 2, proof: overridden, lossy: { sequenceAdvance: 1 } };
  await expect(west.side.promote(command)).rejects.toEqual(code('cluster-unknown'));

  const identifier = (await west.side.status()).cluster?.identifier ?? '';
  const { host, port } = config['listen'] as { host: string; port: number };
  const stranger = await request(`http://${host}:${port}/v1/local/accept-cluster`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer 0' },
    body: JSON.stringify({ identifier, by: 'mallory' }),
  });
  expect(await stranger.body.json()).toMatchObject({ code: 'not-on-this-host' });
  const wrong = acceptCluster(config, { identifier: '1', by: 'ana' });
  await expect(wrong).rejects.toEqual(code('cluster-not-accepted'));
  await acceptCluster(config, { identifier, by: 'ana' });

  expect(await verdictOf(west)).toMatchObject({ is: 'same', by: 'person' });
  expect(memoryIn(await readFile(join(stateDir, 'guard.json'), 'utf8'))).toMatchObject({
    cluster: { agreed: { identifier, by: { kind: 'person', who: 'ana' } } },
  });
  await west.end();
  const gone = acceptCluster(config, { identifier, by: 'ana' });
  await expect(gone).rejects.toEqual(code('guard-not-running'));
  const again = await guards.start('west');
  await again.side.promote({ ...command, ...ofRun(3) });
  expect((await again.side.status()).role).toBe('primary');
}, 180_000);
