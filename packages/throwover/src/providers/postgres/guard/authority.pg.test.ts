import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Name,
  names,
  type Pair,
  testPair,
} from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { kill, startSide, until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { newGuardMemory } from '../../../authority/guard/guard.ts';
import { systemClock } from '../../../kernel/kernel.ts';
import {
  type Guards,
  guardsOf,
  insert,
  insertOnce,
  quickTiming,
  serverProcesses,
  signalAll,
} from './guards.fixture.ts';
import { closeBeforeStart } from './pre-start.ts';

let pair: Pair;
let guards: Guards;

beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
});
beforeEach(() => pair.databases.reset());
afterEach(() => guards.end());
afterAll(() => pair.remove());

/** As both guards have it from the store, which is away now: a strict writer holds a lease of a known epoch. */
async function eastIsKnown(): Promise<void> {
  const memory = { ...newGuardMemory(), known: { epoch: 1, active: 'east' } };
  for (const name of names) {
    const { stateDir } = pair.databases.side(name);
    await writeFile(join(stateDir, 'guard.json'), JSON.stringify(memory));
  }
}

/** Both guards, with west streaming. */
async function both(extra: Record<string, unknown> = {}) {
  const [east, west] = await Promise.all([
    guards.start('east', extra),
    guards.start('west', extra),
  ]);
  await until('west streams', async () => (await west.side.status()).streaming);
  await untilOpen('east');
  return { east, west };
}

const fileOf = (name: Name, file: string) => join(pair.databases.side(name).dataDir, file);
const memoryOf = (name: Name) =>
  readFile(join(pair.databases.side(name).stateDir, 'guard.json'), 'utf8').catch(() => '');
const override = { kind: 'overridden', by: 'ana', reason: 'east is dead' } as const;

/** A login is refused by our line; one that is under way while the door closes is ended. */
async function expectClosed(name: Name): Promise<void> {
  const refused = new Set(['28000', 'ECONNRESET', '57P01']);
  await until(`${name} refuses logins`, async () => {
    const error = await pair.connect(name).then(
      async (client) => {
        await client.end();
        return new Error(`${name} let a login in`);
      },
      (error) => error,
    );
    if (!refused.has(error.code)) throw error;
    return error.code === '28000';
  });
}

/** It is written down before it is done: nobody may log in for some milliseconds more. */
async function untilOpen(name: Name): Promise<void> {
  await until(`${name} takes writes`, () =>
    insertOnce(pair, name).then(
      () => true,
      (error) => {
        if (!['28000', '25006', '57P01', 'ECONNRESET'].includes(error.code)) throw error;
        return false;
      },
    ),
  );
}

describe('a region back from the dead', () => {
  it("starts closed, and opens on the word of the other side's guard alone", async () => {
    const east = await guards.start('east');
    await expectClosed('east');
    expect(await east.side.status()).toMatchObject({ role: 'primary', closed: { by: 'start' } });

    const west = await guards.start('west');
    await untilOpen('east');
    expect((await west.side.status()).role).toBe('standby');
  });

  it('stays closed when the other side was promoted meanwhile', async () => {
    const { east, west } = await both();
    await east.end();
    await kill(pair, 'east');
    await west.side.promote({ token: 1, epoch: 2, proof: override, lossy: { sequenceAdvance: 9 } });

    const again = await guards.start('east');
    await expectClosed('east');
    await until('it knows', async () => (await again.side.status()).known.epoch === 2);
    await until('it is told', async () => {
      const { closed } = await again.side.status();
      return closed?.by === 'newer-epoch' && closed.active === 'west';
    });
    await expectClosed('east');
  });

  it('is closed before a unit of the system starts it, also when no guard runs', async () => {
    const byUnit = { postgres: { ...postgresOf('east'), startDatabase: false } };
    await closeBeforeStart(guards.config('east', byUnit));
    await startSide(pair, 'east');
    await expectClosed('east');

    await guards.start('east', byUnit);
    await guards.start('west');
    await untilOpen('east');

    await kill(pair, 'east');
    await closeBeforeStart(guards.config('east', byUnit));
    expect(await memoryOf('east')).toContain('"by":"start"');
    await startSide(pair, 'east');
    await untilOpen('east');
  });
});

describe('fence', () => {
  it('opens by itself when its deadline has passed and the other guard gives up on its token', async () => {
    const { east, west } = await both();
    const fence = { token: 3, openTransactionsMs: 0, deadlineMs: 200 };
    const proof = await east.side.fence(fence);
    await untilOpen('east');
    expect((await west.side.status()).renounced).toBe(3);
    await expect(
      west.side.promote({ token: 3, epoch: 2, proof, lossy: null }),
    ).rejects.toMatchObject({ code: 'token-renounced' });
    await expect(east.side.fence(fence)).rejects.toMatchObject({ code: 'token-renounced' });
  });

  it('stays closed while the other guard does not answer', async () => {
    const { east, west } = await both();
    await west.end();
    await east.side.fence({ token: 3, openTransactionsMs: 0, deadlineMs: 50 });
    await systemClock.sleep(500);
    await expectClosed('east');
    await guards.start('west');
    await untilOpen('east');
  });

  it('believes what the server has loaded, not what stands in pg_hba.conf', async () => {
    const east = await guards.start('east', { peer: undefined });
    await untilOpen('east');
    const file = fileOf('east', 'pg_hba.conf');
    const open = await readFile(file, 'utf8');
    await writeFile(file, `${open}\nhost all all somewhere no-such-method\n`);
    await expect(
      east.side.fence({ token: 1, openTransactionsMs: 0, deadlineMs: null }),
    ).rejects.toMatchObject({
      code: 'database-refused',
      message: expect.stringMatching(/cannot read line \d+/),
    });
    await insertOnce(pair, 'east');
    // The guard goes on trying to close what it was told to, and may be writing the file at this moment.
    await until('the file is left to this test', async () => {
      await writeFile(file, open);
      const opening = { token: 1, proof: { kind: 'never-asked', token: 1 } } as const;
      return east.side.unfence(opening).then(
        () => true,
        () => false,
      );
    });

    // Nobody may log in from here, which looks like a fence from here; elsewhere the application writes on.
    await writeFile(file, 'host all postgres 127.0.0.0/8 trust\nhost all all 10.0.0.0/8 trust\n');
    await pair.ask('east', 'SELECT pg_reload_conf()');
    await until('nobody may log in', () =>
      pair.connect('east').then(
        (client) => client.end().then(() => false),
        (error) => error.code === '28000',
      ),
    );
    await east.side.fence({ token: 2, openTransactionsMs: 0, deadlineMs: null });
    expect(await readFile(file, 'utf8')).toMatch(/^# throwover fence: begin/);
    await east.side.unfence({ token: 2, proof: { kind: 'never-asked', token: 2 } });
    expect(await readFile(file, 'utf8')).not.toContain('throwover fence');

    await writeFile(file, open);
    await east.side.fence({ token: 3, openTransactionsMs: 0, deadlineMs: null });
    // The last thing that a fence writes down.
    await until('its memory is at rest', async () =>
      (await memoryOf('east')).includes('"position":"'),
    );
    await east.end();
    // As a guard leaves it that ends between the file and the reload of an opening.
    const memory = JSON.parse(await memoryOf('east'));
    const state = join(pair.databases.side('east').stateDir, 'guard.json');
    await writeFile(state, JSON.stringify({ ...memory, closed: null }));
    await writeFile(file, open);
    await expectClosed('east');
    await guards.start('east', { peer: undefined });
    await untilOpen('east');
  });

  it('closes by roles where pg_hba.conf is out of reach, and a promotion takes that back', async () => {
    const { east, west } = await both({ fence: 'roles' });
    // What that cannot do is said before it matters.
    expect((await east.side.survey?.())?.doorCannot.join()).toMatch(/roles are replicated/);
    const hba = await readFile(fileOf('east', 'pg_hba.conf'), 'utf8');
    await pair.ask('east', 'CREATE ROLE locked_out NOLOGIN');
    const client = await pair.connect('east');
    await insert(client);
    const proof = await east.side.fence({ token: 1, openTransactionsMs: 0, deadlineMs: null });
    await expect(insert(client)).rejects.toThrow();
    await expectClosed('east');
    await east.side.unfence({ token: 1, proof: { kind: 'never-asked', token: 1 } });
    await untilOpen('east');

    const again = await east.side.fence({ token: 2, openTransactionsMs: 0, deadlineMs: null });
    expect(again.position > proof.position).toBe(true);
    await until(
      'west has it',
      async () => ((await west.side.status()).received ?? '') >= again.position,
    );
    await west.side.promote({ token: 2, epoch: 2, proof: again, lossy: null });
    await insertOnce(pair, 'west');
    await expectClosed('east');
    expect(await readFile(fileOf('east', 'pg_hba.conf'), 'utf8')).toBe(hba);
    const [row] = await pair.ask<{ login: boolean }>(
      'west',
      `SELECT rolcanlogin AS login FROM pg_roles WHERE rolname = 'locked_out'`,
    );
    expect(row).toEqual({ login: false });
  });

  it('opens by roles after a lossy promotion only when no id can be given out again', async () => {
    const { east, west } = await both({ fence: 'roles' });
    await Promise.all([east.end(), kill(pair, 'east')]);
    await west.side.promote({
      token: 1,
      epoch: 2,
      proof: override,
      lossy: { sequenceAdvance: 5_000 },
    });
    const key = await insertOnce(pair, 'west');
    const [row] = await pair.ask<{ id: string }>(
      'west',
      `SELECT id FROM orders WHERE idempotency_key = '${key}'`,
    );
    expect(Number(row?.id)).toBeGreaterThan(5_000);
  });

  it('closes out an application that holds every connection', async () => {
    const east = await guards.start('east', { peer: undefined });
    await untilOpen('east');
    await untilOpen('east');
    const clients: pg.Client[] = [];
    await expect(
      (async () => {
        for (;;) clients.push(await pair.connect('east'));
      })(),
    ).rejects.toMatchObject({ code: '53300' });
    await east.side.fence({ token: 1, openTransactionsMs: 0, deadlineMs: null });
    await expectClosed('east');
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
  });
});

describe('promote', () => {
  it('knows the timeline of what it received when nobody streams to it any more', async () => {
    const { east, west } = await both();
    const first = await east.side.fence({ token: 1, openTransactionsMs: 0, deadlineMs: null });
    await until(
      'west has it',
      async () => ((await west.side.status()).received ?? '') >= first.position,
    );
    const promotion = await west.side.promote({ token: 1, epoch: 2, proof: first, lossy: null });
    await east.side.stop(1);
    await east.side.attach({ token: 1, epoch: 2, upstream: 'west', promotion });
    await insertOnce(pair, 'west');
    const proof = await west.side.fence({ token: 2, openTransactionsMs: 0, deadlineMs: null });
    await until(
      'east has it',
      async () => ((await east.side.status()).received ?? '') >= proof.position,
    );

    // Its upstream is dead, and it was started anew: no receiver says which timeline it was.
    await Promise.all([west.end(), east.end()]);
    await kill(pair, 'west');
    await kill(pair, 'east');
    const again = await guards.start('east');
    expect(await again.side.status()).toMatchObject({ role: 'standby', streaming: false });
    await expect(
      again.side.promote({ token: 2, epoch: 3, proof, lossy: null }),
    ).resolves.toMatchObject({ epoch: 3, region: 'east', timeline: 3 });
    await untilOpen('east');
  });
});

describe('salvage', () => {
  it('finds nothing on a side that has followed since, also when its guard never heard that it did', async () => {
    const { east, west } = await both();
    const proof = await east.side.fence({ token: 1, openTransactionsMs: 0, deadlineMs: null });
    await until(
      'west has it',
      async () => ((await west.side.status()).received ?? '') >= proof.position,
    );
    const promotion = await west.side.promote({ token: 1, epoch: 2, proof, lossy: null });
    await east.side.stop(1);
    await east.side.attach({ token: 1, epoch: 2, upstream: 'west', promotion });
    const key = await insertOnce(pair, 'west');
    await until('east has it too', async () => {
      const rows = await pair.ask('east', `SELECT FROM orders WHERE idempotency_key = '${key}'`);
      return rows.length === 1;
    });

    // As if it had ended between the last effect of the attachment and writing that down.
    await east.end();
    await kill(pair, 'east');
    const { stateDir } = pair.databases.side('east');
    const unheard = { followed: null, attachment: null, stopped: true };
    const memory = { ...JSON.parse(await memoryOf('east')), ...unheard };
    await writeFile(join(stateDir, 'guard.json'), JSON.stringify(memory));

    const again = await guards.start('east');
    const { switchPosition } = promotion;
    const page = { token: 2, epoch: 2, runId: 'run_1', switchPosition, from: 0, limit: 500 };
    expect(await again.side.salvage(page)).toMatchObject({
      state: 'complete',
      losses: [],
      total: 0,
    });
  });
});

describe('strict', () => {
  beforeEach(eastIsKnown);
  const strict = { writerFence: 'strict' };
  const noLease = { code: '25006' };
  const pastTheLeaseMs = quickTiming.leaseMs + 500;

  it('takes no write that begins after a freeze past the lease', async () => {
    const [east, west] = [await guards.spawn('east', strict), await guards.start('west', strict)];
    await until('west streams', async () => (await west.side.status()).streaming);
    await untilOpen('east');
    const seen = { accepted: 0, refused: 0 };
    const stop = new AbortController();
    const clients = await Promise.all(Array.from({ length: 6 }, () => pair.connect('east')));
    const writers = clients.map((client) => keepWriting(client, seen, stop.signal));
    await until('they write', async () => seen.accepted > 50);

    const frozen = [east.child.pid ?? 0, ...serverProcesses(pair.databases.side('east').dataDir)];
    let wokeAt = '';
    signalAll(frozen, 'SIGSTOP');
    try {
      // By name: no store is there to prove that the lease has ended.
      await west.side.promote({
        token: 1,
        epoch: 2,
        proof: override,
        lossy: { sequenceAdvance: 9 },
      });
      await systemClock.sleep(pastTheLeaseMs);
      wokeAt = new Date(systemClock.wallMs()).toISOString();
    } finally {
      signalAll(frozen, 'SIGCONT');
    }
    await until('east is told', async () => (await memoryOf('east')).includes('newer-epoch'));
    stop.abort();
    await Promise.all(writers);

    const late = await pair.ask<{ n: number }>(
      'east',
      `SELECT count(*)::int AS n FROM orders WHERE created_at > '${wokeAt}'`,
    );
    expect(late).toEqual([{ n: 0 }]);
    expect(seen.refused).toBeGreaterThan(0);
  });

  it('refuses every way to change a row without a lease, in tables of every kind, also after a crash', async () => {
    const { east, west } = await both(strict);
    const app = await pair.connect('east');
    await app.query(`
      CREATE TABLE later (id int); INSERT INTO later VALUES (1);
      CREATE TABLE parts (id int) PARTITION BY LIST (id);
      CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
      SELECT 1 AS id INTO chosen`);
    await Promise.all([east.end(), west.end()]);
    for (const statement of [
      `INSERT INTO orders (idempotency_key, amount, currency, status, region) VALUES ('x', 1, 'eur', 'x', 'x')`,
      'INSERT INTO later VALUES (2)',
      'UPDATE later SET id = 3',
      'DELETE FROM later',
      'TRUNCATE later',
      'INSERT INTO part_1 VALUES (1)',
      'INSERT INTO chosen VALUES (1)',
      `WITH gone AS (DELETE FROM later RETURNING id) SELECT * FROM gone`,
    ]) {
      await until(`refused: ${statement}`, () =>
        app.query(statement).then(
          () => false,
          (error) => error.code === noLease.code,
        ),
      );
    }
    await app.query('SELECT * FROM orders');
    await app.end();

    // A superuser that says that it is a replica passes ordinary triggers by.
    await expect(
      pair.ask('east', 'SET session_replication_role = replica; DELETE FROM later'),
    ).rejects.toMatchObject(noLease);
    await pair.ask(
      'east',
      `UPDATE throwover.writer_lease SET until_wall = 'infinity', until_boot = NULL`,
    );
    await insertOnce(pair, 'east');
    await kill(pair, 'east');
    await startSide(pair, 'east');
    await expect(insertOnce(pair, 'east')).rejects.toMatchObject(noLease);
  });

  it('takes the checks away when the service is not strict any more', async () => {
    const { east, west } = await both(strict);
    await Promise.all([east.end(), west.end()]);
    await both();
    await pair.ask('east', 'CREATE TABLE later (id int)');
    const checks = `SELECT FROM pg_trigger WHERE tgname = 'throwover_lease'`;
    expect(await pair.ask('east', checks)).toEqual([]);
  });
});

describe('synchronous', () => {
  beforeEach(eastIsKnown);
  it('lets no commit go before somebody has written down that the standby is out', async () => {
    const { east, west } = await both({ durability: 'synchronous' });
    await until('in sync', async () => (await east.side.status()).inSync === true);
    expect(await memoryOf('west')).toContain('"inSync":true');
    await insertOnce(pair, 'east');

    await west.end();
    await kill(pair, 'west');
    const waiting = insertOnce(pair, 'east');
    const released = waiting.then(() => 'released');
    expect(await Promise.race([released, systemClock.sleep(1_500)])).toBeUndefined();

    // The other guard is back, its database is not: that is enough to write it down.
    await guards.start('west', {
      durability: 'synchronous',
      postgres: { ...postgresOf('west'), startDatabase: false },
    });
    await waiting;
    expect(await memoryOf('west')).toContain('"inSync":false');
    expect((await east.side.status()).inSync).toBe(false);

    await startSide(pair, 'west');
    await until('in sync again', async () => (await east.side.status()).inSync === true);
    expect(await memoryOf('west')).toContain('"inSync":true');
  });
});

describe('upstream', () => {
  it('a frozen primary is known for silent while the standby still says that it streams', async () => {
    const { east, west } = await both();
    expect(await west.side.upstream?.()).toMatchObject({ answers: true });
    expect(await east.side.upstream?.()).toMatchObject({ answers: null });
    const frozen = serverProcesses(pair.databases.side('east').dataDir);
    signalAll(frozen, 'SIGSTOP');
    try {
      expect(await west.side.upstream?.()).toMatchObject({ answers: false });
      expect((await west.side.status()).streaming).toBe(true);
    } finally {
      signalAll(frozen, 'SIGCONT');
    }
    await until('east answers again', async () => (await west.side.upstream?.())?.answers === true);
  });
});

describe('survey', () => {
  it('names who would write past a fence, and tables whose changes the ledger cannot read', async () => {
    const east = await guards.start('east', { peer: undefined });
    await untilOpen('east');
    const { survey } = east.side;
    expect(await survey?.()).toEqual({
      region: 'east',
      writers: [],
      writersInAll: 0,
      missingRoles: [],
      blindTables: [],
      blindTablesInAll: 0,
      doorCannot: [],
    });
    for (const statement of [
      'CREATE ROLE reports LOGIN',
      'GRANT SELECT ON orders TO reports',
      'CREATE ROLE batch LOGIN',
      'GRANT UPDATE ON orders TO batch',
      'CREATE TABLE keyless (id int)',
      `CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = 'feed')`,
      'ALTER SUBSCRIPTION feed ENABLE',
    ]) {
      await pair.ask('east', statement);
    }
    expect(await survey?.()).toEqual({
      region: 'east',
      writers: [
        { kind: 'subscription', name: 'feed', role: 'postgres' },
        { kind: 'login-role', name: 'may write orders', role: 'batch' },
      ],
      writersInAll: 2,
      missingRoles: [],
      blindTables: ['keyless'],
      blindTablesInAll: 1,
      doorCannot: [],
    });
  });
});

function postgresOf(name: Name): Record<string, unknown> {
  return pair.guardConfig(name)['postgres'] as Record<string, unknown>;
}

async function keepWriting(
  client: pg.Client,
  seen: { accepted: number; refused: number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await insert(client);
      seen.accepted += 1;
    } catch (error) {
      // Closed out: there is nothing more to try.
      if ((error as { code?: string }).code !== '25006') break;
      seen.refused += 1;
    }
  }
  await client.end().catch(() => {});
}
