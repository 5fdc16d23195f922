/**
 * Cases in which a side whose log went on past the switch position looks as if it followed: a slow
 * link, an archive.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, readdir } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import type { DatabaseSide } from '../../../authority/database-side.ts';
import { ofRun } from '../../../authority/guard/guard.fixture.ts';
import {
  type Guards,
  guardsOf,
  insertOnce,
  untilLedger,
  untilOneCluster,
} from './guards.fixture.ts';

/** Longest time for a switch and two starts of a server, ms: a minute on a fully loaded machine. */
const longMs = 120_000;

let pair: Pair;
let guards: Guards;
const links: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
});
beforeEach(() => pair.databases.reset());
afterEach(async () => {
  await guards.end();
  for (const { server, sockets } of links.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
afterAll(() => pair.remove());

/**
 * Starts a link to west on which a stream of log begins but brings nothing, like a long and slow
 * link.
 */
async function narrowLink(): Promise<{ host: string; port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(pair.address.west);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    let answer: 'all' | 'first' | 'none' = 'all';
    near.on('data', (data) => {
      if (data.includes('START_REPLICATION')) answer = 'first';
      far.write(data);
    });
    far.on('data', (data) => {
      if (answer === 'all') near.write(data);
      if (answer !== 'first') return;
      answer = 'none';
      near.write(data.subarray(0, 1 + data.readUInt32BE(1)));
    });
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  links.push({ server, sockets });
  const { host } = pair.address.east;
  server.listen(0, host);
  await once(server, 'listening');
  return { host, port: (server.address() as AddressInfo).port };
}

/** West is active, east is down, and only east has `past`. */
async function switched() {
  const [east, west] = [await guards.start('east'), await guards.start('west')];
  await until('west streams', async () => (await west.side.status()).streaming);
  await untilOneCluster(west.side);
  await untilLedger(pair, 'east');
  const proof = await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
  await until('west has it', async () => {
    return ((await west.side.status()).received ?? '') >= proof.position;
  });
  const promotion = await west.side.promote({ ...ofRun(1), epoch: 2, proof, lossy: null });
  await pair.ask('east', `INSERT INTO payments (event_id) VALUES ('past')`);
  await insertOnce(pair, 'west');
  // Otherwise it depends on the moment which of the two closures the next guard finds on disk.
  await until('east knows the newer epoch', async () => {
    return (await east.side.status()).closed?.by === 'newer-epoch';
  });
  await east.side.stop(ofRun(1));
  const attach = { ...ofRun(1), epoch: 2, upstream: 'west', promotion, discards: false };
  return { east, promotion, attach };
}

const slots = () =>
  pair.ask('east', 'SELECT FROM pg_replication_slots WHERE confirmed_flush_lsn IS NOT NULL');

async function salvaged(
  side: DatabaseSide,
  switchPosition: Parameters<DatabaseSide['salvage']>[0]['switchPosition'],
) {
  const page = await side.salvage({ ...ofRun(1), epoch: 2, switchPosition, from: 0, limit: 10 });
  if (page.state === 'unavailable') throw new Error(page.why);
  return page.losses.map(({ table, key }) => [table, key?.['event_id']]);
}

it(
  'is not opened by a guard that finds it streaming the old timeline once more, and keeps its ledger',
  async () => {
    const { east, promotion, attach } = await switched();
    await east.end();
    const upstreams = { ...pair.address, west: await narrowLink() };
    const killed = await guards.spawn('east', { upstreams });
    const answer = killed.side.attach(attach).catch(({ code }) => code);
    // Frozen before the server takes connections: a moment later the guard would see by itself that
    // the log went on, and take the server down.
    const { dataDir } = pair.databases.side('east');
    await until('the server starts', async () => existsSync(join(dataDir, 'postmaster.pid')));
    killed.child.kill('SIGSTOP');
    const receivers = () =>
      pair.ask('east', `SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'`);
    await until('east streams', async () => (await receivers().catch(() => [])).length === 1);
    await killed.end();
    expect(await answer).toBe('database-unreachable');

    const again = await guards.start('east', { upstreams });
    // A guard with rounds of tenths of a second has finished a round when it has looked at its
    // server twice.
    const age = async () => (await again.side.status()).observed?.ageMs ?? null;
    let looks = 0;
    let last = Number.POSITIVE_INFINITY;
    await until('the guard has looked at its server some times', async () => {
      const now = await age();
      if (now === null) return false;
      if (now < last) looks += 1;
      last = now;
      return looks > 3;
    });
    expect(await receivers()).toHaveLength(1);
    expect(await again.side.status()).toMatchObject({
      ...{ role: 'standby', streaming: false },
      closed: { by: 'newer-epoch' },
    });
    expect(await slots()).toHaveLength(1);
    expect(await salvaged(again.side, promotion.switchPosition)).toEqual([
      ['public.payments', 'past'],
    ]);
  },
  longMs,
);

it(
  'is told from one that follows, and read, where an archive has the history of the new timeline and its log',
  async () => {
    const archive = join(pair.dir, 'archive');
    await mkdir(archive);
    await chmod(archive, 0o777);
    for (const name of ['east', 'west'] as const) {
      const { dataDir } = pair.databases.side(name);
      await appendFile(
        join(dataDir, 'postgresql.conf'),
        `
archive_mode = on
archive_command = 'test -f ${archive}/%f || cp %p ${archive}/%f'
restore_command = 'cp ${archive}/%f %p'
`,
      );
    }
    const { east, promotion, attach } = await switched();
    const [{ segment } = { segment: '' }] = await pair.ask<{ segment: string }>(
      'west',
      'SELECT pg_walfile_name(pg_switch_wal()) AS segment',
    );
    await until('the archive has both', async () => {
      const names = await readdir(archive);
      return names.includes('00000002.history') && names.includes(segment);
    });
    await expect(east.side.attach(attach)).rejects.toMatchObject({ code: 'unread-writes' });
    expect(await salvaged(east.side, promotion.switchPosition)).toEqual([
      ['public.payments', 'past'],
    ]);
    await east.side.attach({ ...attach, discards: true });
    expect(await pair.ask('east', 'SELECT event_id FROM payments')).toEqual([]);
  },
  longMs,
);
