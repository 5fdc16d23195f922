import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../kernel/kernel.ts';
import { createVirtualClock, type VirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { storeConformance } from '../conformance.ts';
import { begin, recordOf } from '../conformance-subject.ts';
import { maxLedgerBytes, maxWriterLeaseMs } from '../limits.ts';
import type { Loss, RunLease } from '../shapes.ts';
import { damagePlan } from './damage.fixture.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { oldRun, writeVersion1 } from './version-1.fixture.ts';

const newDir = () => mkdtemp(join(tmpdir(), 'throwover-store-'));

storeConformance('the SQLite store', async () => {
  const dataDir = await newDir();
  const clock = createVirtualClock();
  const random = seededRandom(1);
  let store = openSqliteStore({ dataDir, clock, random });
  return {
    get store() {
      return store;
    },
    advance: clock.advance,
    restart: async () => {
      store.close();
      store = openSqliteStore({ dataDir, clock, random });
    },
    damage: async (runId) => {
      store.close();
      damagePlan(dataDir, runId);
      store = openSqliteStore({ dataDir, clock, random });
    },
    close: async () => {
      store.close();
      await rm(dataDir, { recursive: true });
    },
  };
});

describe('the SQLite store on its disk', () => {
  const leaseMs = 10_000;
  let dataDir: string;
  let clock: VirtualClock;
  beforeEach(async () => {
    dataDir = await newDir();
    clock = createVirtualClock();
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  const open = (maxBytes?: number) =>
    openSqliteStore({
      dataDir,
      clock,
      random: seededRandom(1),
      ...(maxBytes === undefined ? {} : { maxBytes }),
    });
  const beginIn = async (store: ReturnType<typeof open>): Promise<RunLease> => {
    await store.registerService({ name: 'checkout', regions: ['east', 'west'], active: 'east' });
    return store.beginRun(begin);
  };
  const append = (store: ReturnType<typeof open>, lease: RunLease, seq: number, size = 10) => {
    const event = {
      type: 'intent',
      step: `s${seq}`,
      observed: { text: 'x'.repeat(size) },
    } as const;
    return store.append({ ...lease, records: [recordOf(lease, seq, event)] });
  };
  /** A store with three records, closed. */
  const written = async () => {
    const store = open();
    const lease = await beginIn(store);
    for (const seq of [1, 2, 3]) await append(store, lease, seq);
    store.close();
    return lease;
  };
  const tamper = (sql: string, changes = 1) => {
    const db = new DatabaseSync(join(dataDir, 'throwover.sqlite'));
    expect(db.prepare(sql).run().changes).toBe(changes);
    db.close();
  };

  test('what was acknowledged is there after a restart, and the run goes on where it was', async () => {
    const lease = await written();
    const store = open();
    expect((await store.run(lease.runId)).records.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    await append(store, lease, 3);
    await append(store, lease, 4);
    expect((await store.service('checkout')).openRun).toBe(lease.runId);
    store.close();
  });

  test('after a restart a lease runs for one whole lease again', async () => {
    const lease = await written();
    await clock.advance(100 * leaseMs);
    const store = open();
    const take = () => store.takeRun({ runId: lease.runId, owner: 'bob', leaseMs, force: false });
    await clock.advance(leaseMs - 1);
    await expect(take()).rejects.toMatchObject({ code: 'run-in-progress' });
    await clock.advance(1);
    expect((await take()).token).toBeGreaterThan(lease.token);
    store.close();
  });

  test.each([
    [
      'a changed record',
      "UPDATE records SET body = replace(body, 's2', 's9') WHERE seq = 2",
      'record 2',
    ],
    ['a missing record', 'DELETE FROM records WHERE seq = 2', 'record 2'],
    ['a missing tail', 'DELETE FROM records WHERE seq = 3', 'record 3'],
    ['a changed end', "UPDATE runs SET last_hash = 'x'", 'the end'],
    ['a changed plan', "UPDATE runs SET plan = '{}'", 'record 1'],
    ['a record that is no JSON', "UPDATE records SET body = '{' WHERE seq = 1", 'record 1'],
  ])('%s is found: the journal is neither read nor taken over', async (_what, sql, where) => {
    const lease = await written();
    tamper(sql);
    const store = open();
    const damaged = {
      code: 'journal-damaged',
      disposition: 'page',
      message: expect.stringContaining(where),
    };
    await expect(store.run(lease.runId)).rejects.toMatchObject(damaged);
    await expect(
      store.takeRun({ runId: lease.runId, owner: 'bob', leaseMs, force: true }),
    ).rejects.toMatchObject(damaged);
    expect((await store.runs({ limit: 1 }))[0]).toMatchObject({
      owner: 'alice',
      token: lease.token,
    });
    store.close();
  });

  test('a file that is no database is called damaged, and left as it is', async () => {
    await writeFile(join(dataDir, 'throwover.sqlite'), 'not a database '.repeat(1_000));
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store-damaged' }));
  });

  test('a full store refuses the record whole, and goes on when there is room', async () => {
    const store = open(256 * 1024);
    const lease = await beginIn(store);
    let kept = 0;
    const fill = async () => {
      for (;;) {
        await append(store, lease, kept + 1, 20_000);
        kept += 1;
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: 'store-disk-full', disposition: 'wait' });
    expect(kept).toBeGreaterThan(3);
    expect((await store.run(lease.runId)).records).toHaveLength(kept);
    store.close();

    const larger = open();
    expect((await larger.run(lease.runId)).records).toHaveLength(kept);
    await append(larger, lease, kept + 1, 20_000);
    expect((await larger.run(lease.runId)).records).toHaveLength(kept + 1);
    larger.close();
  });

  test('a failed write other than a full disk stops the store until a restart', async () => {
    const lease = await written();
    tamper(
      "CREATE TRIGGER broken BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END",
      0,
    );
    const store = open();
    await expect(append(store, lease, 4)).rejects.toMatchObject({ code: 'store-stopped' });
    await expect(
      store.openEpoch({ service: 'checkout', ...lease, epoch: 2, active: 'west' }),
    ).rejects.toMatchObject({ code: 'store-stopped' });
    expect(store.failure).toMatchObject({ code: 'store-stopped', disposition: 'page' });
    expect((await store.run(lease.runId)).records).toHaveLength(3);
    store.close();
  });

  test('a stop that could not be written is no proof, and a healthy writer goes on', async () => {
    const lease = await written();
    tamper(
      "CREATE TRIGGER broken BEFORE UPDATE ON services BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END",
      0,
    );
    const store = open();
    await clock.advance(2 * maxWriterLeaseMs);
    await expect(store.expireWriter({ service: 'checkout', ...lease })).rejects.toMatchObject({
      code: 'store-stopped',
    });
    const writer = { service: 'checkout', region: 'east', epoch: 1, leaseMs: 1_000 };
    expect(await store.renewWriter(writer)).toEqual({ kind: 'granted' });
    store.close();
  });

  test('a full ledger refuses entries whole, and keeps no run from its journal', async () => {
    const lease = await written();
    tamper(`UPDATE services SET ledger_bytes = ${maxLedgerBytes - 400}`);
    const store = open();
    const loss = (number: number): Loss => ({
      id: `1/00000001/0000000000000007#${number}`,
      runId: lease.runId,
      transaction: '740',
      commitPosition: '00000001/0000000000000007',
      commitWallMs: null,
      table: 'public.orders',
      operation: 'delete',
      key: { id: '1' },
      before: null,
      after: null,
      acknowledged: 'no',
      resolution: null,
    });
    const add = (losses: readonly Loss[]) =>
      store.addLosses({ service: 'checkout', ...lease, losses });
    await expect(add([loss(1), loss(2)])).rejects.toMatchObject({ code: 'ledger-full' });
    expect(await store.lossCount({ service: 'checkout' })).toEqual({ total: 0, unresolved: 0 });
    await add([loss(1)]);
    await append(store, lease, 4);
    store.close();
  });

  test('a store of version 1 is brought up to date, with what it knows', async () => {
    const intent = { type: 'intent', step: 'promote', observed: { role: 'standby' } } as const;
    const records = [1, 2].map((seq) =>
      recordOf({ runId: oldRun, token: 3, leaseMs }, seq, intent),
    );
    writeVersion1(dataDir, records);
    const store = open();
    expect(await store.service('checkout')).toEqual({
      name: 'checkout',
      regions: ['east', 'west'],
      epoch: 2,
      active: 'west',
      openRun: oldRun,
      openedBy: 'flip-only',
      token: 3,
      sync: null,
    });
    expect(await store.service('search')).toMatchObject({ openedBy: 'registered', openRun: null });
    expect((await store.run(oldRun)).records).toEqual(records);
    expect(await store.halt()).toBeNull();
    const taken = await store.takeRun({ runId: oldRun, owner: 'bob', leaseMs, force: true });
    expect(taken.token).toBe(4);
    const again = { service: 'checkout', ...taken, epoch: 2, active: 'west' };
    expect(await store.openEpoch(again)).toMatchObject({ epoch: 2, openedBy: 'flip-only' });
    await append(store, taken, 3);
    store.close();
    const reopened = open();
    expect((await reopened.run(oldRun)).records).toHaveLength(3);
    reopened.close();
  });

  test('a migration that fails half-way leaves the file as it was', async () => {
    writeVersion1(dataDir, []);
    tamper('CREATE TABLE losses (mine TEXT)', 0);
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store-unusable' }));
    const db = new DatabaseSync(join(dataDir, 'throwover.sqlite'));
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    expect(() => db.prepare('SELECT sync FROM services')).toThrow('no such column');
    db.exec('DROP TABLE losses');
    db.close();
    const store = open();
    expect(await store.service('checkout')).toMatchObject({ epoch: 2, openedBy: 'flip-only' });
    store.close();
  });

  test('one process has the directory; a second is told so', async () => {
    const store = open();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store-in-use' }));
    store.close();
    open().close();
  });

  test('a store of a newer version is not touched', async () => {
    open().close();
    const db = new DatabaseSync(join(dataDir, 'throwover.sqlite'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store-too-new' }));
  });

  test('a path that cannot be a directory is a clear error', async () => {
    const file = join(dataDir, 'file');
    await writeFile(file, '');
    expect(() => openSqliteStore({ dataDir: file, clock, random: seededRandom(1) })).toThrow(
      expect.objectContaining({ code: 'store-unusable' }),
    );
  });
});
