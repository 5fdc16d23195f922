import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom, systemClock } from 'throwover/kernel';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freeze, processTree, thaw } from '../faults/process-tree.ts';
import { createDatabases } from './databases.ts';
import { type Name, names, type Pair, testPair } from './fixtures/pair.ts';
import { startSide, until } from './fixtures/servers.ts';
import { startLagProfile } from './lag-profile.ts';
import { postmasterPid, stopServer } from './server.ts';

let pair: Pair;
beforeAll(async () => {
  pair = await testPair();
});
afterAll(() => pair.remove());

async function start(): Promise<void> {
  await pair.databases.reset();
  for (const name of names) await startSide(pair, name);
}

/** Longest wait for the profile's next episode, ms. */
const episodeMs = 45_000;

const order = (key: string) =>
  `INSERT INTO orders (idempotency_key, amount, currency, status, region)
   VALUES ('${key}', 1, 'eur', 'accepted', 'east')`;
const streams = `SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'`;
const count = async (name: Name) =>
  (await pair.ask<{ n: number }>(name, 'SELECT count(*)::int AS n FROM orders'))[0]?.n;

it('makes a primary and a standby that streams; a reset puts both back and forgets guards', async () => {
  await start();
  const client = await pair.connect('east');
  await client.query(order('a'));
  await client.end();
  await until('west has it', async () => (await count('west')) === 1);
  await expect(pair.connect('west').then((west) => west.query(order('b')))).rejects.toMatchObject({
    code: '25006',
  });
  await writeFile(join(pair.databases.side('east').stateDir, 'guard.json'), '{}');

  await start();
  expect(await count('east')).toBe(0);
  expect(await count('west')).toBe(0);
  await expect(
    readFile(join(pair.databases.side('east').stateDir, 'guard.json')),
  ).rejects.toMatchObject({ code: 'ENOENT' });
  const stillFsync = await pair.ask<{ fsync: string }>('east', 'SHOW fsync');
  expect(stillFsync).toEqual([{ fsync: 'on' }]);
});

it('lags in episodes with quiet windows between, on the standby only, and not after a promotion', async () => {
  await start();
  const profile = startLagProfile({
    profile: 'production',
    sides: names.map((name) => pair.address[name]),
    random: seededRandom(1),
  });
  const writer = await pair.connect('east');
  let key = 0;
  const lagMs = async () => {
    await writer.query(order(`lag-${++key}`));
    const [row] = await pair.ask<{ ms: number | null }>(
      'east',
      'SELECT extract(epoch FROM replay_lag)::float8 * 1000 AS ms FROM pg_stat_replication',
    );
    return row?.ms ?? 0;
  };
  await until('an episode', async () => (await lagMs()) > 3_000, episodeMs);
  await until('a quiet window', async () => (await lagMs()) < 200, episodeMs);
  await until('another episode', async () => (await lagMs()) > 3_000, episodeMs);
  await stopServer(pair.databases.side('east').dataDir, 'immediate');
  await writer.end().catch(() => {});
  await pair.ask('west', 'SELECT pg_promote(true)');
  await until('no delay on the new primary', async () => {
    const [row] = await pair.ask<{ delay: string }>(
      'west',
      `SELECT current_setting('recovery_min_apply_delay') AS delay`,
    );
    return row?.delay === '0';
  });
  await profile.stop();
}, 120_000);

it('goes on after it was frozen, without an answer meanwhile', async () => {
  await start();
  const pid = await postmasterPid(pair.databases.side('east').dataDir);
  if (pid === null) throw new Error('east does not run');
  const client = await pair.connect('east');
  const tree = await processTree([pid]);
  await freeze([pid]);
  let answered = false;
  const answer = client.query('SELECT 1').then(() => {
    answered = true;
  });
  await until('west noticed nothing', async () => (await count('west')) === 0);
  expect(answered).toBe(false);
  await thaw([pid]);
  await answer;
  expect(tree.length).toBeGreaterThan(4);
  await client.end();
});

it('makes saved directories anew that an older version has made, and no others', async () => {
  const { dir, binaries, address } = pair;
  const again = () =>
    createDatabases({
      ...{ dir, binaries, primary: 'east', standby: 'west', clock: systemClock },
      ...{ upstream: address.east, scratch: address.east },
    });
  const kept = join(dir, 'saved', 'east', 'kept');
  await writeFile(kept, '');
  await again();
  expect(existsSync(kept)).toBe(true);
  await writeFile(join(dir, 'saved', 'complete'), '');
  await again();
  expect(existsSync(kept)).toBe(false);
  await start();
  await until('west streams', async () => (await pair.ask('west', streams)).length === 1);
});
