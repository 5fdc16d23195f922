import { lstat, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Name, type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { applicationRole as app } from '../../../../../lab/src/postgres/schema.ts';
import { ofRun } from '../../../authority/guard/guard.fixture.ts';
import type { Promotion } from '../../../authority/messages.ts';
import { standingOf } from '../../../authority/takes-writes.ts';
import {
  type GuardHandle,
  type Guards,
  guardsOf,
  insert,
  untilLedger,
  untilOneCluster,
} from './guards.fixture.ts';

/**
 * Other tools write pg_hba.conf and roles too, so the guard checks a closed database, and closes it
 * again.
 */

let pair: Pair;
let guards: Guards;

beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
});
beforeEach(() => pair.databases.reset());
afterEach(() => guards.end());
afterAll(() => pair.remove());

const override = { kind: 'overridden', by: 'ana', reason: 'east is sick' } as const;
const hbaOf = (name: Name) => join(pair.databases.side(name).dataDir, 'pg_hba.conf');
const textOf = (name: Name) => readFile(hbaOf(name), 'utf8');
const reload = (name: Name) => pair.ask(name, 'SELECT pg_reload_conf()');

async function both(extra: Record<string, unknown> = {}) {
  const [east, west] = await Promise.all([
    guards.start('east', extra),
    guards.start('west', extra),
  ]);
  await until('west streams', async () => (await west.side.status()).streaming);
  await untilOneCluster(west.side);
  await untilLedger(pair, 'east');
  await until('east is open', () => admits('east'));
  return { east, west, ownFile: await textOf('east') };
}

/**
 * The state after a failover away from east, which is alive: its guard has closed it, and has seen
 * that it is closed.
 */
async function failedOver(extra: Record<string, unknown> = {}) {
  const { east, west, ownFile } = await both(extra);
  const promotion = await west.side.promote({
    ...{ ...ofRun(1), epoch: 2, proof: override },
    lossy: { sequenceAdvance: 100 },
  });
  await holds(east);
  expect((await east.side.status()).closed).toMatchObject({ by: 'newer-epoch', active: 'west' });
  return { east, west, ownFile, promotion };
}

/** Waits until it is closed, and the guard has seen that on the server. */
const holds = (guard: GuardHandle) =>
  until('the closure holds', async () => standingOf(await guard.side.status()).is === 'closed');

async function admits(name: Name): Promise<boolean> {
  try {
    await (await pair.connect(name)).end();
    return true;
  } catch (error) {
    if (['28000', '57P03'].includes((error as { code?: string }).code ?? '')) return false;
    throw error;
  }
}

/** Writes the file as configuration management does: its own file in one piece, and a reload. */
async function restore(name: Name, text: string): Promise<void> {
  const next = `${hbaOf(name)}.managed`;
  await writeFile(next, text, { mode: 0o644 });
  await rename(next, hbaOf(name));
  await reload(name);
}

/** Returns a session that got in through the reopened door; `null` if the guard was faster. */
async function slippedIn(name: Name): Promise<pg.Client | null> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const client = await pair.connect(name).catch(() => null);
    if (client !== null) return client;
  }
  return null;
}

/** Waits until the guard has looked at its server this many more times. */
async function rounds({ side }: GuardHandle, count: number): Promise<void> {
  for (let seen = 0, before = 0; seen < count; ) {
    const ageMs = (await side.status()).observed?.ageMs ?? 0;
    if (ageMs < before) seen += 1;
    before = ageMs;
  }
}

const restoredOf = async ({ side }: GuardHandle) => (await side.status()).observed?.restored ?? 0;

/** Returns the losses that the ledger of a rejoin would list. */
async function salvaged({ side }: GuardHandle, { switchPosition }: Promotion) {
  const page = await side.salvage({
    ...{ ...ofRun(9), epoch: 2, switchPosition, from: 0, limit: 500 },
  });
  if (page.state !== 'complete') throw new Error(page.why);
  return page.losses.map(({ after }) => after?.['idempotency_key']);
}

describe('a closed old side that something reopens (pg_hba)', () => {
  it('P1: a managed pg_hba.conf is closed again, its sessions end, and its writes are salvaged', async () => {
    const { east, ownFile, promotion } = await failedOver();
    await restore('east', ownFile);
    const client = await slippedIn('east');
    const written: string[] = [];
    const writing = (async () => {
      if (client === null) return;
      for (;;) written.push(await insert(client));
    })().catch(() => {});
    await until('it is closed again', async () => (await restoredOf(east)) === 1);
    await writing;
    await client?.end().catch(() => {});
    await holds(east);
    expect(await admits('east')).toBe(false);
    const status = await east.side.status();
    expect(status).toMatchObject({ sessions: 0, reopened: { times: 1 } });
    const found = await salvaged(east, promotion);
    for (const key of written) expect(found).toContain(key);
  });

  it('a file that is there and not loaded yet is closed before anybody loads it', async () => {
    const { east, ownFile } = await failedOver();
    await rounds(east, 3);
    await writeFile(hbaOf('east'), ownFile);
    await until('our lines are back', async () => (await textOf('east')).startsWith('# throwover'));
    await holds(east);
    await reload('east');
    expect(await admits('east')).toBe(false);
    // The server never loaded the file, so no writer can have got in.
    expect((await east.side.status()).reopened).toBeNull();
  });

  it('an include before our lines decides nothing for long', async () => {
    const { east, ownFile } = await failedOver();
    await writeFile(join(pair.databases.side('east').dataDir, 'team.conf'), ownFile, {
      mode: 0o644,
    });
    await restore('east', `include team.conf\n${await textOf('east')}`);
    await until('it is closed again', async () => (await restoredOf(east)) === 1);
    await holds(east);
    expect(await admits('east')).toBe(false);
    const text = await textOf('east');
    expect(text.startsWith('# throwover fence: begin')).toBe(true);
    expect(text).toContain('include team.conf');
    expect(text.split('# throwover fence: begin')).toHaveLength(2);
  });

  it('a link in the place of the file stays a link, and is closed', async () => {
    const { east, ownFile } = await failedOver();
    const managed = join(pair.databases.side('east').dataDir, 'managed_hba.conf');
    await writeFile(managed, ownFile, { mode: 0o644 });
    await symlink(managed, `${hbaOf('east')}.link`);
    await rename(`${hbaOf('east')}.link`, hbaOf('east'));
    await reload('east');
    await until('it is closed again', async () => (await restoredOf(east)) === 1);
    await holds(east);
    expect(await admits('east')).toBe(false);
    expect((await lstat(hbaOf('east'))).isSymbolicLink()).toBe(true);
  });

  it('a file that was loaded and taken away again is found out by one login', async () => {
    const { east, ownFile } = await failedOver();
    const closed = await textOf('east');
    await rename(hbaOf('east'), `${hbaOf('east')}.ours`);
    await writeFile(hbaOf('east'), ownFile, { mode: 0o644 });
    await reload('east');
    await until('the server has loaded it', async () => {
      if (await admits('east')) return true;
      return (await restoredOf(east)) > 0;
    });
    await writeFile(`${hbaOf('east')}.ours`, closed, { mode: 0o644 });
    await rename(`${hbaOf('east')}.ours`, hbaOf('east'));
    await until('it was closed again', async () => (await restoredOf(east)) >= 1);
    await holds(east);
    expect(await admits('east')).toBe(false);
  });

  it('a file that PostgreSQL cannot read keeps nobody in: the lines in the way become comments', async () => {
    const { east, ownFile } = await failedOver();
    await east.end();
    await restore('east', ownFile);
    await until('the server has loaded it', () => admits('east'));
    await writeFile(hbaOf('east'), `${ownFile}\nhost all all 10.0.0.0/8 no-such-method\n`);
    const again = await guards.start('east');
    await holds(again);
    expect(await admits('east')).toBe(false);
    expect(await textOf('east')).toContain('could not read this line: host all all 10.0.0.0/8');
    expect((await again.side.status()).sessions).toBe(0);
  });

  it('is stopped after three restorations, because its successor is known', async () => {
    const { east, west, ownFile } = await failedOver();
    for (let times = 1; times <= 3; times++) {
      await restore('east', ownFile);
      await until('it was closed again or stopped', async () => {
        const status = await east.side.status();
        if (status.role === 'stopped') return true;
        return standingOf(status).is === 'closed' && (status.observed?.restored ?? 0) >= times;
      });
    }
    await until('it is stopped', async () => (await east.side.status()).role === 'stopped');
    // The new side is not affected.
    expect(await admits('west')).toBe(true);
    expect((await west.side.status()).observed).toMatchObject({ door: 'open', restored: 0 });
  });

  it('is never stopped while no successor is known: only closed again', async () => {
    const { east, ownFile } = await both();
    await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    for (let times = 1; times <= 5; times++) {
      await restore('east', ownFile);
      await until('it was closed again', async () => (await restoredOf(east)) >= times);
      await holds(east);
    }
    await holds(east);
    expect((await east.side.status()).role).toBe('primary');
    expect(await admits('east')).toBe(false);
  });

  it('is seen and salvaged also when it was reopened while no guard ran', async () => {
    const { east, ownFile, promotion } = await failedOver();
    await east.end();
    await restore('east', ownFile);
    const client = await pair.connect('east');
    const key = await insert(client);
    const again = await guards.start('east');
    await holds(again);
    await client.end().catch(() => {});
    expect(await again.side.status()).toMatchObject({ sessions: 0, reopened: { times: 1 } });
    expect(await salvaged(again, promotion)).toContain(key);
  });

  it('tries no login while nothing changes: the log of the server stays quiet', async () => {
    const { east } = await failedOver();
    const refusals = async () => {
      const log = join(pair.databases.side('east').stateDir, 'postgres.log');
      return (await readFile(log, 'utf8')).split('rejects connection').length;
    };
    await rounds(east, 3);
    const before = await refusals();
    await rounds(east, 10);
    expect(await refusals()).toBe(before);
  });
});

describe('a closed old side that something reopens (roles)', () => {
  it('P1: a role that may log in again is locked again, its sessions end, and its writes are salvaged', async () => {
    const { east, promotion } = await failedOver({ fence: 'roles' });
    await pair.ask('east', `ALTER ROLE ${app} LOGIN`);
    const client = await slippedIn('east');
    const key = client === null ? null : await insert(client).catch(() => null);
    await until('it is closed again', async () => (await restoredOf(east)) === 1);
    await holds(east);
    await client?.end().catch(() => {});
    expect(await admits('east')).toBe(false);
    expect(await east.side.status()).toMatchObject({ sessions: 0, reopened: { times: 1 } });
    if (key !== null) expect(await salvaged(east, promotion)).toContain(key);
  });

  it('names a role that was made a member of the application, which no closure stands before', async () => {
    const { east } = await failedOver({ fence: 'roles' });
    await pair.ask('east', `CREATE ROLE batch LOGIN IN ROLE ${app}`);
    const { writers } = (await east.side.survey()) ?? { writers: [] };
    expect(writers).toContainEqual(expect.objectContaining({ kind: 'login-role', role: 'batch' }));
  });
});

describe('an active side that refuses the application', () => {
  it('is opened again when an older file with our lines comes back', async () => {
    const { east, ownFile } = await both();
    const stale = `# throwover fence: begin (closed by \`throwover guard\`; do not edit)\nlocal all "${app}" reject\r\nhost all "${app}" all reject\n${ownFile}`;
    await restore('east', stale);
    await until('it was opened again', async () => (await restoredOf(east)) === 1);
    await until('logins are admitted', () => admits('east'));
    await until(
      'the server was seen open',
      async () => standingOf(await east.side.status()).is === 'open',
    );
    expect((await east.side.status()).role).toBe('primary');
  });

  it('is opened again when its roles were closed by an older state of the guard', async () => {
    const { east } = await both({ fence: 'roles' });
    await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    const proof = { kind: 'overridden', by: 'ana', reason: 'a test' } as const;
    await east.side.unfence({ ...ofRun(1), proof });
    await pair.ask(
      'east',
      `INSERT INTO throwover.closed_roles VALUES ('${app}'); ALTER ROLE ${app} NOLOGIN`,
    );
    await until('it was opened again', async () => (await restoredOf(east)) === 1);
    await until('logins are admitted', () => admits('east'));
  });

  it('a standby that a dead guard has left closed is open when it is promoted', async () => {
    const { west, east, ownFile } = await both();
    await west.end();
    const lines = `local all "${app}" reject\nhost all "${app}" all reject`;
    await restore(
      'west',
      `# throwover fence: begin (closed by \`throwover guard\`; do not edit)\n${lines}\n# throwover fence: end\n${ownFile}`,
    );
    const again = await guards.start('west');
    const proof = await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    await until('west has it', async () => {
      const { received } = await again.side.status();
      return received !== null && received >= proof.position;
    });
    await again.side.promote({ ...ofRun(1), epoch: 2, proof, lossy: null });
    expect(await admits('west')).toBe(true);
  });
});
