import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBinaries } from '../../../../lab/src/postgres/binaries.ts';
import { typed } from '../../runbook/by-hand/typed.fixture.ts';
import { postgresHands } from './by-hand.ts';
import { configureStandby, conninfo } from './guard/standby-files.ts';

let dir = '';
let pgBin = '';
let dataDir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-standby-'));
  ({ dir: pgBin } = await findBinaries({ pgBin: null, copyDir: join(dir, 'binaries') }));
  dataDir = await mkdtemp(join(dir, 'data-'));
  await writeFile(join(dataDir, 'postgresql.conf'), '');
}, 60_000);
afterAll(() => rm(dir, { recursive: true }));

const upstream = { host: '10.0.0.1', port: 5432, user: 'replicator' };

/** Returns the value that PostgreSQL reads; a file that it cannot read throws. */
const asRead = () =>
  execFileSync(join(pgBin, 'postgres'), ['-C', 'primary_conninfo', '-D', dataDir], {
    encoding: 'utf8',
  }).trimEnd();

describe.each(["it's", 'back\\slash', "\\'", "'", 'a b', '$HOME "`id`" %s &'])(
  'a replication password such as %j',
  (password) => {
    // libpq reads a backslash before a quote or a backslash as the character itself.
    const escaped = `password='${password.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

    test('is read by PostgreSQL as the guard was given it', async () => {
      const primaryConninfo = conninfo({ ...upstream, password });
      await configureStandby(dataDir, { primaryConninfo, runAs: null });
      expect(asRead()).toBe(`host='10.0.0.1' port='5432' user='replicator' ${escaped}`);
    });

    test('is read by PostgreSQL as a person typed it for the printed runbook', async () => {
      const [work] = postgresHands(place(), { commands, strict: false }).follow('east').work;
      if (work === undefined) throw new Error('no box');
      expect(await typed(work, { input: password })).toMatchObject({ exitCode: 0 });
      expect(asRead()).toBe(
        `host='10.0.0.1' port='5432' user='replicator' application_name='west' connect_timeout='3' ${escaped}`,
      );
    });
  },
);

const commands = { stopGuard: 'true', startGuard: 'true', startDatabase: 'true' };

const place = () => ({
  ...{ region: 'west', host: '10.0.0.2', port: 5432, dataDir, pgBin, hbaFile: '/etc/pg_hba.conf' },
  ...{ runAs: null, superuser: { host: '/tmp', user: 'postgres' }, database: 'checkout' },
  ...{ applicationRoles: ['app'], fence: 'roles' as const },
  replication: { user: 'replicator', password: 'env:REPLICATION_PASSWORD' },
  upstreams: { east: { host: '10.0.0.1', port: 5432 } },
});
