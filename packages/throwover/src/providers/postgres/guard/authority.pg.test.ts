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
import { ofRun } from '../../../authority/guard/guard.fixture.ts';
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
  untilOneCluster,
} from './guards.fixture.ts';
import { closeBeforeStart } from './pre-start.ts';
import { memoryIn } from './state.ts';

let pair: Pair;
let guards: Guards;

beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
});
beforeEach(() => pair.databases.reset());
afterEach(() => guards.end());
afterAll(() => pair.remove());

/**
 * Both guards know the epoch from the store, which is unreachable now: a strict writer holds a
 * lease of a known epoch.
 */
async function eastIsKnown(): Promise<void> {
  const memory = { ...newGuardMemory(), known: { epoch: 1, active: 'east' } };
  for (const name of names) {
    const { stateDir } = pair.databases.side(name);
    await writeFile(join(stateDir, 'guard.json'), JSON.stringify(memory));
  }
}

/** Starts both guards, with west streaming. */
async function both(extra: Record<string, unknown> = {}) {
  const [east, west] = await Promise.all([
    guards.start('east', extra),
    guards.start('west', extra),
  ]);
  await until('west streams', async () => (await west.side.status()).streaming);
  await untilOneCluster(west.side);
  await untilOpen('east');
  return { east, west };
}

const fileOf = (name: Name, file: string) => join(pair.databases.side(name).dataDir, file);
const memoryOf = (name: Name) =>
  readFile(join(pair.databases.side(name).stateDir, 'guard.json'), 'utf8').catch(() => '');
const override = { kind: 'overridden', by: 'ana', reason: 'east is dead' } as const;

/** Waits until our line refuses a login; a login that began while the door closed is ended. */
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

/**
 * Waits until the database takes writes: the guard writes "open" down some milliseconds before it
 * opens.
 */
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
    await west.side.promote({
      ...ofRun(1),
      epoch: 2,
      proof: override,
      lossy: { sequenceAdvance: 9 },
    });

    const again = await guards.start('east');
    await expectClosed('east');
    await until('it knows', async () => (await again.side.status()).known.epoch === 2);
    await until('it is told', async () => {
      const { closed } = await again.side.status();
      return closed?.by === 'newer-epoch' && closed.active === 'west';
    });
    await expectClosed('east');
  });

  it('waits for a word when a person promoted it, and it was killed before its guard had seen that', async () => {
    const { east, west } = await both();
    await until('it is known to follow', async () =>
      (await memoryOf('west')).includes('"followed":1'),
    );
    await west.end();
    await east.end();
    await kill(pair, 'east');
    await pair.ask('west', 'SELECT pg_promote(true)');
    await kill(pair, 'west');

    const again = await guards.start('west');
    await expectClosed('west');
    expect(await again.side.status()).toMatchObject({ role: 'primary', closed: { by: 'start' } });
    await guards.start('east');
    await untilOpen('west');
    expect((await again.side.status()).known).toEqual({ epoch: 2, active: 'west' });
  });

  it('opens at once when a person promoted it after its start, although no guard ran then', async () => {
    const { east, west } = await both();
    await until('it is known to follow', async () =>
      (await memoryOf('west')).includes('"followed":1'),
    );
    await east.end();
    await kill(pair, 'east');
    await west.end();
    await kill(pair, 'west');
    const started = await guards.start('west');
    await until('it is a standby', async () => (await started.side.status()).role === 'standby');
    expect(await memoryOf('west')).toContain('"by":"start"');
    await started.end();
    await pair.ask('west', 'SELECT pg_promote(true)');

    await guards.start('west');
    await untilOpen('west');
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
    const fence = { ...ofRun(3), openTransactionsMs: 0, deadlineMs: 200 };
    const proof = await east.side.fence(fence);
    await untilOpen('east');
    expect((await west.side.status()).renounced).toBe(3);
    await expect(
      west.side.promote({ ...ofRun(3), epoch: 2, proof, lossy: null }),
    ).rejects.toMatchObject({ code: 'token-renounced' });
    await expect(east.side.fence(fence)).rejects.toMatchObject({ code: 'token-renounced' });
  });

  it('stays closed while the other guard does not answer', async () => {
    const { east, west } = await both();
    await west.end();
    await east.side.fence({ ...ofRun(3), openTransactionsMs: 0, deadlineMs: 50 });
    await systemClock.sleep(500);
    await expectClosed('east');
    await guards.start('west');
    await untilOpen('east');
  });

  it('believes what the server has loaded, not what stands in pg_hba.conf', async () => {
    const { east } = await both();
    await untilOpen('east');
    const file = fileOf('east', 'pg_hba.conf');
    const open = await readFile(file, 'utf8');
    await writeFile(file, `${open}\nhost all all somewhere no-such-method\n`);
    await expect(
      east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null }),
    ).rejects.toMatchObject({
      code: 'database-refused',
      message: expect.stringMatching(/cannot read line \d+/),
    });
    await insertOnce(pair, 'east');
    // The guard goes on trying to close the database as commanded, and may be writing the file at
    // this moment.
    await until('the file is left to this test', async () => {
      await writeFile(file, open);
      const opening = { ...ofRun(1), proof: { kind: 'never-asked', token: 1 } } as const;
      return east.side.unfence(opening).then(
        () => true,
        () => false,
      );
    });

    // No login from here succeeds, which looks like a fence; from elsewhere the application goes on
    // writing.
    await writeFile(file, 'host all postgres 127.0.0.0/8 trust\nhost all all 10.0.0.0/8 trust\n');
    await pair.ask('east', 'SELECT pg_reload_conf()');
    await until('nobody may log in', () =>
      pair.connect('east').then(
        (client) => client.end().then(() => false),
        (error) => error.code === '28000',
      ),
    );
    await east.side.fence({ ...ofRun(2), openTransactionsMs: 0, deadlineMs: null });
    expect(await readFile(file, 'utf8')).toMatch(/^# throwover fence: begin/);
    await east.side.unfence({ ...ofRun(2), proof: { kind: 'never-asked', token: 2 } });
    expect(await readFile(file, 'utf8')).not.toContain('throwover fence');

    await writeFile(file, open);
    await east.side.fence({ ...ofRun(3), openTransactionsMs: 0, deadlineMs: null });
    // The last thing that a fence writes to disk.
    await until('its memory is at rest', async () =>
      (await memoryOf('east')).includes('"position":"'),
    );
    await east.end();
    // The state that a guard leaves if it ends between the file and the reload of an opening.
    const memory = memoryIn(await memoryOf('east'));
    const state = join(pair.databases.side('east').stateDir, 'guard.json');
    await writeFile(state, JSON.stringify({ ...memory, closed: null }));
    await writeFile(file, open);
    await expectClosed('east');
    await guards.start('east');
    await untilOpen('east');
  });

  it('closes by roles where pg_hba.conf is out of reach, and a promotion takes that back', async () => {
    const { east, west } = await both({ fence: 'roles' });
    // The limits of this door are reported ahead of time.
    expect((await east.side.survey())?.doorCannot.join()).toMatch(/roles are replicated/);
    const hba = await readFile(fileOf('east', 'pg_hba.conf'), 'utf8');
    await pair.ask('east', 'CREATE ROLE locked_out NOLOGIN');
    const client = await pair.connect('east');
    await insert(client);
    const proof = await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    await expect(insert(client)).rejects.toThrow();
    await expectClosed('east');
    await east.side.unfence({ ...ofRun(1), proof: { kind: 'never-asked', token: 1 } });
    await untilOpen('east');

    const again = await east.side.fence({ ...ofRun(2), openTransactionsMs: 0, deadlineMs: null });
    expect(again.position > proof.position).toBe(true);
    await until(
      'west has it',
      async () => ((await west.side.status()).received ?? '') >= again.position,
    );
    await west.side.promote({ ...ofRun(2), epoch: 2, proof: again, lossy: null });
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
      ...ofRun(1),
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
    const { east } = await both();
    await untilOpen('east');
    await untilOpen('east');
    const clients: pg.Client[] = [];
    await expect(
      (async () => {
        for (;;) clients.push(await pair.connect('east'));
      })(),
    ).rejects.toMatchObject({ code: '53300' });
    await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    await expectClosed('east');
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
  });
});

describe("a third region's guard", () => {
  it('gets neither a fence nor a word of a pair that it is not of, and is not confirmed (A1)', async () => {
    const { east, west } = await both();
    await until('the pair knows itself', async () => {
      const answers = await Promise.all([east.side.status(), west.side.status()]);
      return answers.every(({ peer }) => peer?.confirmed === true);
    });
    // Beside the same standby: only its configuration differs.
    const { stateDir } = pair.databases.side('west');
    const north = await guards.third('west', {
      region: 'north',
      peer: guards.config('west')['peer'],
      stateDir: join(stateDir, 'north'),
      postgres: { ...postgresOf('west'), startDatabase: false },
    });
    const scope = { service: 'checkout', run: 'run-5', from: 'east', to: 'north' };
    const fence = { scope, token: 5, openTransactionsMs: 0, deadlineMs: 200 };
    await expect(east.side.fence(fence)).rejects.toMatchObject({ code: 'other-regions' });
    const other = { ...fence, scope: { ...scope, to: 'west', service: 'search' } };
    await expect(east.side.fence(other)).rejects.toMatchObject({ code: 'other-service' });
    expect(await north.side.status()).toMatchObject({ peer: { region: 'east', confirmed: false } });
    const { token, peer } = await east.side.status();
    expect({ token, peer }).toEqual({ token: 0, peer: { region: 'west', confirmed: true } });
    await insertOnce(pair, 'east');
  });
});

describe('promote', () => {
  it('knows the timeline of what it received when nobody streams to it any more', async () => {
    const { east, west } = await both();
    const first = await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    await until(
      'west has it',
      async () => ((await west.side.status()).received ?? '') >= first.position,
    );
    const promotion = await west.side.promote({ ...ofRun(1), epoch: 2, proof: first, lossy: null });
    await east.side.stop(ofRun(1));
    await east.side.attach({ ...ofRun(1), epoch: 2, upstream: 'west', promotion, discards: true });
    await insertOnce(pair, 'west');
    const proof = await west.side.fence({ ...ofRun(2), openTransactionsMs: 0, deadlineMs: null });
    await until(
      'east has it',
      async () => ((await east.side.status()).received ?? '') >= proof.position,
    );

    // Its upstream is dead and it was restarted, so no receiver tells the timeline.
    await Promise.all([west.end(), east.end()]);
    await kill(pair, 'west');
    await kill(pair, 'east');
    const again = await guards.start('east');
    expect(await again.side.status()).toMatchObject({ role: 'standby', streaming: false });
    await expect(
      again.side.promote({ ...ofRun(2, 'east'), epoch: 3, proof, lossy: null }),
    ).resolves.toMatchObject({ epoch: 3, region: 'east', timeline: 3 });
    await untilOpen('east');
  });
});

describe('salvage', () => {
  it('finds nothing on a side that has followed since, also when its guard never heard that it did', async () => {
    const { east, west } = await both();
    const proof = await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    await until(
      'west has it',
      async () => ((await west.side.status()).received ?? '') >= proof.position,
    );
    const promotion = await west.side.promote({ ...ofRun(1), epoch: 2, proof, lossy: null });
    await east.side.stop(ofRun(1));
    await east.side.attach({ ...ofRun(1), epoch: 2, upstream: 'west', promotion, discards: true });
    const key = await insertOnce(pair, 'west');
    await until('east has it too', async () => {
      const rows = await pair.ask('east', `SELECT FROM orders WHERE idempotency_key = '${key}'`);
      return rows.length === 1;
    });

    // The state after an end between the last effect of the attachment and the note on disk.
    await east.end();
    await kill(pair, 'east');
    const { stateDir } = pair.databases.side('east');
    const unheard = { followed: null, attachment: null, stopped: true };
    const memory = { ...memoryIn(await memoryOf('east')), ...unheard };
    await writeFile(join(stateDir, 'guard.json'), JSON.stringify(memory));

    const again = await guards.start('east');
    const { switchPosition } = promotion;
    const page = { ...ofRun(2), epoch: 2, switchPosition, from: 0, limit: 500 };
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
    const stop = new AbortController();
    const writers = Array.from({ length: 6 }, (_, n) => new Writer(`writer-${n}`));
    const writing = writers.map((writer) => writer.write(stop.signal));
    await until('they write', async () => writers.every(({ accepted }) => accepted > 10));

    const frozen = [east.child.pid ?? 0, ...serverProcesses(pair.databases.side('east').dataDir)];
    signalAll(frozen, 'SIGSTOP');
    try {
      // With an override by name: there is no store to prove that the lease has ended.
      await west.side.promote({
        ...ofRun(1),
        epoch: 2,
        proof: override,
        lossy: { sequenceAdvance: 9 },
      });
      await systemClock.sleep(pastTheLeaseMs);
    } finally {
      // Writes that were under way may still end. Writes sent from here on begin after the freeze.
      for (const writer of writers) writer.sent.clear();
      signalAll(frozen, 'SIGCONT');
    }
    await until('each has tried again since', async () =>
      writers.every(({ sent }) => sent.size > 1),
    );
    await until('east is told', async () => (await memoryOf('east')).includes('newer-epoch'));
    stop.abort();
    await Promise.all(writing);

    const rows = await pair.ask<{ key: string }>(
      'east',
      'SELECT idempotency_key AS key FROM orders',
    );
    const late = rows.filter(({ key }) => writers.some(({ sent }) => sent.has(key)));
    expect(late).toEqual([]);
  });

  it('refuses every way to change a row without a lease, in tables of every kind, also after a crash', async () => {
    const { east, west } = await both(strict);
    // Not as the application's role, whose sessions end with the lease.
    const app = await pair.connect('east', 'postgres');
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

    // A superuser session that declares itself a replica skips ordinary triggers.
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

    // The other guard is back without its database: that is enough to write the record down.
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
    expect(await west.side.upstream()).toMatchObject({ answers: true });
    expect(await east.side.upstream()).toMatchObject({ answers: null });
    const frozen = serverProcesses(pair.databases.side('east').dataDir);
    signalAll(frozen, 'SIGSTOP');
    try {
      expect(await west.side.upstream()).toMatchObject({ answers: false });
      expect((await west.side.status()).streaming).toBe(true);
    } finally {
      signalAll(frozen, 'SIGCONT');
    }
    await until('east answers again', async () => (await west.side.upstream())?.answers === true);
  });
});

describe('survey', () => {
  it('names who would write past a fence, and tables whose changes the ledger cannot read', async () => {
    const east = await guards.start('east', { peer: undefined });
    await untilOpen('east');
    const { survey } = east.side;
    expect(await survey()).toEqual({
      region: 'east',
      writers: [],
      writersInAll: 0,
      missingRoles: [],
      blindTables: [],
      blindTablesInAll: 0,
      doorCannot: [],
      guardLacks: [],
      leaseLeavesOut: [],
    });
    for (const statement of [
      'CREATE ROLE reports LOGIN',
      'GRANT SELECT ON orders TO reports',
      'CREATE ROLE batch LOGIN',
      'GRANT UPDATE ON orders TO batch',
      'CREATE TABLE keyless (id int)',
      'CREATE TABLE whole (id int)',
      'ALTER TABLE whole REPLICA IDENTITY FULL',
      `CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = 'feed')`,
      'ALTER SUBSCRIPTION feed ENABLE',
    ]) {
      await pair.ask('east', statement);
    }
    expect(await survey()).toEqual({
      region: 'east',
      writers: [
        { kind: 'subscription', name: 'feed', role: 'postgres' },
        { kind: 'login-role', name: 'may write public.orders', role: 'batch' },
      ],
      writersInAll: 2,
      missingRoles: [],
      blindTables: ['public.keyless'],
      blindTablesInAll: 1,
      doorCannot: [],
      guardLacks: [],
      leaseLeavesOut: [],
    });
  });
});

function postgresOf(name: Name): Record<string, unknown> {
  return pair.guardConfig(name)['postgres'] as Record<string, unknown>;
}

/** Writes one order after another, whatever the answer is, and connects again after each failure. */
class Writer {
  /** Keys of the orders that it has tried to write. The test clears it to count from that moment. */
  readonly sent = new Set<string>();
  accepted = 0;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  async write(signal: AbortSignal): Promise<void> {
    let client: pg.Client | null = null;
    for (let n = 1; !signal.aborted; n++) {
      const key = `${this.#name}-${n}`;
      this.sent.add(key);
      try {
        client ??= await pair.connect('east');
        await insert(client, key);
        this.accepted += 1;
      } catch {
        await client?.end().catch(() => {});
        client = null;
      }
    }
    await client?.end().catch(() => {});
  }
}
