import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open as openFile, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom, systemClock } from '../../kernel/kernel.ts';
import { createVirtualClock, type VirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { begin, leaseMs, recordOf } from '../conformance-subject.ts';
import { plannedRun } from '../plan.fixture.ts';
import type { JournalEvent, RunLease } from '../shapes.ts';
import { tamper } from './damage.fixture.ts';
import { openSqliteStore } from './sqlite-store.ts';

/** Damaged rows in a real file: who reads them says so, and a person can end the run. */

const service = 'checkout';
const given = { by: 'ana', reason: 'its rows were edited' };
const error = {
  ...({ code: 'step-threw', message: 'x', disposition: 'stop' } as const),
  ...{ notLost: 'x', remedy: 'x', evidence: {} },
};
const failover = plannedRun({ kind: 'failover' });

/** One record of each kind. */
const journal: readonly JournalEvent[] = [
  { type: 'mandate', by: 'alice', digest: begin.planDigest, overrides: [] },
  { type: 'intent', step: 'fence', observed: {} },
  {
    ...({ type: 'outcome', step: 'fence', result: 'acted' } as const),
    ...({ evidence: {}, durationMs: 1, kind: 'machine' } as const),
  },
  { type: 'step-failed', step: 'promote', error, durationMs: 1 },
  { type: 'taken-over', by: 'bob' },
  {
    ...({ type: 'replanned', kind: 'failover', by: 'bob', overrides: [] } as const),
    ...{ digest: failover.planDigest, plan: failover.plan },
  },
  { type: 'abort-requested', by: 'bob', reason: 'wrong evening' },
  { type: 'undo-intent', step: 'fence' },
  { type: 'undo-outcome', step: 'fence', result: 'undone', note: '' },
];
const last = journal.length;

let dataDir: string;
let clock: VirtualClock;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'throwover-damaged-'));
  clock = createVirtualClock();
});
afterEach(() => rm(dataDir, { recursive: true }));

let seed = 1;
const open = () => openSqliteStore({ dataDir, clock, random: seededRandom(seed++) });

/** A store with an open run, closed. */
async function written(records = journal): Promise<RunLease> {
  const store = open();
  await store.registerService({ name: service, regions: ['east', 'west'], active: 'east' });
  const lease = await store.beginRun(begin);
  for (const [index, event] of records.entries()) {
    await store.append({ ...lease, records: [recordOf(lease, index + 1, event)] });
  }
  store.close();
  return lease;
}

/** The rows of the run as they lie in the file. */
function rowsOf(runId: string): unknown {
  const db = new DatabaseSync(join(dataDir, 'throwover.sqlite'));
  try {
    const read = (sql: string) => {
      const statement = db.prepare(sql);
      statement.setReadBigInts(true);
      return statement.all(runId);
    };
    return [
      read('SELECT * FROM runs WHERE id = ?'),
      read('SELECT * FROM records WHERE run_id = ? ORDER BY seq'),
    ];
  } finally {
    db.close();
  }
}

const inRecord = (seq: number, change: string) => `UPDATE records SET ${change} WHERE seq = ${seq}`;

const damages: readonly (readonly [string, string])[] = [
  ['a plan that was edited', "UPDATE runs SET plan = replace(plan, 'fence', 'fancy')"],
  ['a plan that is no JSON', "UPDATE runs SET plan = '{'"],
  ['a plan that is empty', "UPDATE runs SET plan = ''"],
  ['another region to leave', "UPDATE runs SET from_region = 'west'"],
  ['another region to go to', "UPDATE runs SET to_region = 'mars'"],
  ['another epoch', 'UPDATE runs SET epoch = 7'],
  ['an epoch beyond every number', 'UPDATE runs SET epoch = 9223372036854775807'],
  ['an epoch below 0', 'UPDATE runs SET epoch = -1'],
  ['another service', "UPDATE runs SET service = 'search'"],
  ['a status that says it has ended', "UPDATE runs SET status = 'succeeded'"],
  ['a number of records that is too high', 'UPDATE runs SET last_seq = last_seq + 1'],
  ['a number of records that is too low', 'UPDATE runs SET last_seq = 1'],
  ['another end of its chain', "UPDATE runs SET last_hash = 'x'"],
  ['a gap in its journal', 'DELETE FROM records WHERE seq = 4'],
  ['a journal without its beginning', 'DELETE FROM records WHERE seq = 1'],
  ['a journal without its end', `DELETE FROM records WHERE seq = ${last}`],
  ['no journal', 'DELETE FROM records'],
  ['a record under another number', `UPDATE records SET seq = 99 WHERE seq = ${last}`],
  ['no row', 'DELETE FROM runs'],
  ...journal.flatMap(({ type }, index) => {
    const seq = index + 1;
    return [
      [`a ${type} that was edited`, inRecord(seq, "body = replace(body, 'token', 'taken')")],
      [`a ${type} that is cut`, inRecord(seq, 'body = substr(body, 1, 20)')],
      [`a ${type} with another hash`, inRecord(seq, "hash = 'x'")],
    ] as const;
  }),
];

/** Changes that only show something wrong: the run can be carried on. */
const harmless: readonly (readonly [string, string])[] = [
  ['a kind that its newest plan says otherwise', "UPDATE runs SET kind = ''"],
  ['another owner', "UPDATE runs SET owner = ''"],
  ['a status that nobody knows', "UPDATE runs SET status = 'lost'"],
  ['a time that is none', 'UPDATE runs SET started_wall_ms = 9e999'],
  ['a lease without end', 'UPDATE runs SET lease_ms = 9e999'],
  ['a token beyond every number', 'UPDATE runs SET token = 9223372036854775807'],
];

describe('a run with damaged rows', () => {
  test.each(damages)(
    '%s: is told, ended by a person, kept, and in nobody’s way',
    async (_what, sql) => {
      const lease = await written();
      const { runId } = lease;
      expect(tamper(dataDir, sql)).toBeGreaterThan(0);
      const before = rowsOf(runId);
      const gone = sql === 'DELETE FROM runs';
      const store = open();
      await clock.advance(leaseMs);
      // The list of runs never fails on one of them.
      expect(await store.runs({ limit: 10 })).toHaveLength(gone ? 0 : 1);
      const code = gone ? 'no-such-run' : 'journal-damaged';
      await expect(store.run(runId)).rejects.toMatchObject({ code });
      const take = { runId, owner: 'bob', leaseMs, force: true };
      await expect(store.takeRun(take)).rejects.toMatchObject({
        code: expect.stringMatching(/^(no-such-run|journal-damaged|run-ended)$/),
      });
      await expect(store.beginRun(begin)).rejects.toMatchObject({ code: 'run-in-progress' });

      const ending = await store.endDamaged({ runId, ...given });
      expect(ending).toMatchObject({ runId, service, token: lease.token + 1, ...given });
      const next = await store.beginRun(begin);
      expect(next.token).toBe(ending.token + 1);
      expect((await store.runs({ limit: 10 })).at(-1)).toMatchObject({
        ...{ runId, status: 'abandoned' },
        abandoned: { ...given, damage: ending.damage },
      });
      await expect(store.run(runId)).rejects.toMatchObject({ code: 'run-abandoned' });
      store.close();
      const after = rowsOf(runId);
      if (gone) expect(after).toMatchObject([[{ kind: 'unknown' }], { length: last }]);
      else expect(after).toEqual(before);
    },
  );

  test.each(harmless)('%s: the run is carried on', async (_what, sql) => {
    const { runId } = await written();
    expect(tamper(dataDir, sql)).toBe(1);
    const store = open();
    await clock.advance(600_000);
    expect((await store.runs({ limit: 1 }))[0]).toMatchObject({ runId, status: 'running' });
    await expect(store.endDamaged({ runId, ...given })).rejects.toMatchObject({
      code: 'run-not-damaged',
    });
    const taken = await store.takeRun({ runId, owner: 'bob', leaseMs, force: false });
    expect(taken.token).toBe(2);
    store.close();
  });

  test('pages of the file that cannot be read: told, and ended', async () => {
    const long = {
      type: 'intent',
      step: 'fence',
      observed: { text: 'x'.repeat(200_000) },
    } as const;
    const { runId } = await written([long]);
    const path = join(dataDir, 'throwover.sqlite');
    // The long record is in pages of its own; the first bytes of each name the next one.
    const bytes = await readFile(path);
    const at = bytes.indexOf('x'.repeat(4_000));
    const page = Math.floor(at / 4_096) + 4;
    expect((await stat(path)).size).toBeGreaterThan((page + 1) * 4_096);
    const file = await openFile(path, 'r+');
    await file.write(Buffer.from('ffffffff', 'hex'), 0, 4, page * 4_096);
    await file.close();
    const store = open();
    await clock.advance(leaseMs);
    await expect(store.run(runId)).rejects.toMatchObject({
      code: expect.stringMatching(/^(journal|store)-damaged$/),
    });
    await store.endDamaged({ runId, ...given });
    await store.beginRun(begin);
    store.close();
  });
});

describe('a store that is killed while a damaged run is ended', () => {
  const script = fileURLToPath(new URL('damaged.fixture.ts', import.meta.url));
  let child: ChildProcess | null = null;
  afterEach(() => child?.kill('SIGKILL'));

  const ending = async (runId: string) => {
    const { execPath } = process;
    const args = ['--conditions=throwover-source', script, dataDir, runId];
    const started = spawn(execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child = started;
    const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('opened');
    const killed = async () => {
      started.kill('SIGKILL');
      await once(started, 'exit');
    };
    return { lines, killed };
  };
  const damaged = async () => {
    const { runId } = await written();
    tamper(dataDir, "UPDATE runs SET plan = '{', lease_ms = 1");
    return runId;
  };

  test('in the middle: nothing of it is there, and it can be done again', async () => {
    const runId = await damaged();
    const before = rowsOf(runId);
    // The last row of the ending takes longer than anybody waits.
    tamper(
      dataDir,
      `CREATE TRIGGER slow AFTER INSERT ON endings BEGIN
         SELECT count(*) FROM (WITH RECURSIVE c (n) AS
           (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1e12) SELECT n FROM c);
       END`,
    );
    const { killed } = await ending(runId);
    await systemClock.sleep(700);
    await killed();
    tamper(dataDir, 'DROP TRIGGER slow');
    expect(rowsOf(runId)).toEqual(before);
    const store = open();
    expect(await store.service(service)).toMatchObject({ openRun: runId, token: 1 });
    await clock.advance(leaseMs);
    await expect(store.beginRun(begin)).rejects.toMatchObject({ code: 'run-in-progress' });
    await store.endDamaged({ runId, ...given });
    expect(await store.beginRun(begin)).toMatchObject({ token: 3 });
    store.close();
  });

  test('after the answer: the run stays ended', async () => {
    const runId = await damaged();
    const { lines, killed } = await ending(runId);
    const told = JSON.parse(String((await lines.next()).value));
    await killed();
    const store = open();
    expect(await store.endDamaged({ runId, ...given })).toEqual(told);
    expect(await store.beginRun(begin)).toMatchObject({ token: told.token + 1 });
    store.close();
  });
});
