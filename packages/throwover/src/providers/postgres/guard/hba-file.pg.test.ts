import { appendFile, chown, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Name,
  names,
  type Pair,
  testPair,
} from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { ofRun } from '../../../authority/guard/guard.fixture.ts';
import { type GuardHandle, type Guards, guardsOf } from './guards.fixture.ts';
import { closeBeforeStart } from './pre-start.ts';

/** pg_hba.conf is where the distribution puts it: on Debian outside the data directory. */

let pair: Pair;
let guards: Guards;

beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
});
beforeEach(async () => {
  await pair.databases.reset();
  await Promise.all(names.map((name) => rm(etc(name), { recursive: true, force: true })));
});
afterEach(() => guards.end());
afterAll(() => pair.remove());

const etc = (name: Name) => join(pair.dir, `etc ${name}`);
const elsewhere = (name: Name) => join(etc(name), 'pg_hba.conf');
const dataDirOf = (name: Name) => pair.databases.side(name).dataDir;

/** Moves the file as Debian does: to another directory, with none in the data directory. */
async function moveAway(name: Name): Promise<void> {
  const { runAs } = pair.binaries;
  await mkdir(etc(name), { recursive: true });
  await rename(join(dataDirOf(name), 'pg_hba.conf'), elsewhere(name));
  if (runAs !== null) await chown(etc(name), runAs.uid, runAs.gid);
  await appendFile(join(dataDirOf(name), 'postgresql.conf'), `\nhba_file = '${elsewhere(name)}'\n`);
}

async function both(): Promise<Record<Name, GuardHandle>> {
  const [east, west] = await Promise.all([guards.start('east'), guards.start('west')]);
  await until('west streams', async () => (await west.side.status()).streaming);
  await until('east is open', async () => (await east.side.status()).closed === null);
  await until('east lets the application in', () => admits('east'));
  return { east, west };
}

async function admits(name: Name): Promise<boolean> {
  return pair.connect(name).then(
    async (client) => {
      await client.end();
      return true;
    },
    () => false,
  );
}

const fence = { ...ofRun(1), openTransactionsMs: 100, deadlineMs: null };

describe('pg_hba.conf outside the data directory (N5)', () => {
  it.each([
    ['elsewhere', moveAway],
    [
      'elsewhere, with a link in the data directory that nobody reads',
      async (name: Name) => {
        await moveAway(name);
        await symlink('/nowhere/pg_hba.conf', join(dataDirOf(name), 'pg_hba.conf'));
      },
    ],
    [
      'elsewhere, with an old copy in the data directory that nobody reads',
      async (name: Name) => {
        const old = await readFile(join(dataDirOf(name), 'pg_hba.conf'), 'utf8');
        await moveAway(name);
        await appendFile(join(dataDirOf(name), 'pg_hba.conf'), old);
      },
    ],
  ])('%s: it is fenced and opened again, and the printed runbook names it', async (_, layOut) => {
    await layOut('east');
    const { east } = await both();
    expect(await east.side.fence(fence)).toMatchObject({ kind: 'confirmed', region: 'east' });
    expect(await admits('east')).toBe(false);
    expect(await readFile(elsewhere('east'), 'utf8')).toContain('throwover fence');
    const proof = { kind: 'never-asked', token: 1 } as const;
    await east.side.unfence({ ...ofRun(1), proof });
    expect(await admits('east')).toBe(true);
    expect(await readFile(elsewhere('east'), 'utf8')).not.toContain('throwover fence');
    expect(await placeOf('east')).toMatchObject({ hbaFile: elsewhere('east') });
  });

  it('is closed before the server starts next, by what the server said when it ran', async () => {
    await moveAway('east');
    const { east, west } = await both();
    await Promise.all([east.end(), west.end()]);
    await pair.databases.stop();
    await closeBeforeStart(guards.config('east'));
    expect(await readFile(elsewhere('east'), 'utf8')).toContain('throwover fence');
  });

  it('is closed before the first start that a guard sees, by what stands in the settings', async () => {
    await moveAway('east');
    await pair.databases.stop();
    await closeBeforeStart(guards.config('east'));
    expect(await readFile(elsewhere('east'), 'utf8')).toContain('throwover fence');
  });

  it('that is nowhere keeps a server that is down from being started open', async () => {
    await pair.databases.stop();
    const file = join(dataDirOf('east'), 'pg_hba.conf');
    await rm(file);
    await expect(closeBeforeStart(guards.config('east'))).rejects.toMatchObject({
      code: 'hba-file-missing',
      message: expect.stringContaining(file),
    });
  });
});

/** Asks for the place as `throwover runbook` does. */
async function placeOf(name: Name): Promise<unknown> {
  const { host, port } = guards.config(name)['listen'] as { host: string; port: number };
  return (await fetch(`http://${host}:${port}/v1/place`)).json();
}
