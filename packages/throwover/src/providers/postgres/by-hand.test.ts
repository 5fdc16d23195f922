import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { typed } from '../../runbook/by-hand/typed.fixture.ts';
import type { HandWork } from '../../runbook/runbook.ts';
import { postgresHands } from './by-hand.ts';
import { conninfo, quoted } from './guard/standby-files.ts';
import { type Place, postgresCalls } from './wire.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-by-hand-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Values that would run something in a shell or in SQL if they were not quoted. */
const hostile = [
  ['a command', '$(touch canary)'],
  ['a command between backquotes', '`touch canary`'],
  ['the end of a quote', `'"; touch canary; #`],
  ['the end of a quote after a backslash', `\\'\\"; touch canary; #`],
  ['the end of an SQL text', `'); SELECT 1; --`],
  ['an escaped dollar', '\\$(touch canary)'],
  ['a variable', '$P$IFS$HOME'],
  ['an earlier line', '!!'],
  ['an earlier line, and the end of a quote', '!!"; touch canary; #'],
] as const;

async function script(name: string, ...lines: string[]): Promise<void> {
  await writeFile(name, ['#!/bin/sh', ...lines].join('\n'));
  await chmod(name, 0o755);
}

/** The place, with the value in each of its fields, and stand-ins for the tools of PostgreSQL. */
async function placeOf(value: string): Promise<Place> {
  const folder = join(dir, value.replaceAll('/', ''));
  const stubs = join(dir, 'stubs');
  await mkdir(folder, { recursive: true });
  await mkdir(stubs);
  await script(join(folder, 'pg_ctl'), 'exit 0');
  // The last argument is the statement. It answers what the box waits for.
  await script(
    join(stubs, 'psql'),
    `for last; do :; done; printf '%s\\0' "$last" >> '${dir}/statements'`,
    'case "$last" in *pg_is_in_recovery*) echo "$RECOVERS";; *count\\(pg_terminate*) echo 0;; *wal_receiver*|*flush_lag*) echo 1;; *) echo t;; esac',
  );
  await script(join(stubs, 'sleep'), 'exit 0');
  const hbaFile = join(folder, 'pg_hba.conf');
  await writeFile(hbaFile, 'host all all all trust\n');
  await writeFile(join(folder, 'postgresql.auto.conf'), '');
  return {
    ...{ region: 'west', host: value, port: 5432, dataDir: folder, pgBin: folder, hbaFile },
    ...{ runAs: null, superuser: { host: value, user: value }, database: value },
    ...{ applicationRoles: ['app'], fence: 'pg_hba' },
    replication: { user: 'replicator', password: `env:${value}` },
    upstreams: { east: { host: value, port: 5432 } },
  };
}

const commands = { stopGuard: 'true', startGuard: 'true' };

function boxesOf(place: Place, value: string): readonly (readonly [HandWork, 't' | 'f'])[] {
  const hands = postgresHands(place, { commands, strict: true });
  const follow = hands.follow('east');
  return [
    ...[hands.stopGuard, hands.checkpoint, hands.lagAtMost(value, 5_000), ...hands.close],
    ...[...hands.reopen, hands.hasReceived, hands.received, ...hands.promote(null)],
    ...[...hands.promote({ sequenceAdvance: 1_000 }), hands.startGuard],
  ]
    .map((box) => [box, 'f'] as const)
    .concat(('work' in follow ? follow.work : []).map((box) => [box, 't'] as never));
}

test.each(hostile)('%s in a place runs nothing, and is taken as it is', async (_what, value) => {
  const given = await placeOf(value);
  const place = postgresCalls.place.output.parse(given);
  for (const fence of ['pg_hba', 'roles'] as const) {
    for (const [box, recovers] of boxesOf({ ...place, fence }, value)) {
      const path = `${join(dir, 'stubs')}:${process.env['PATH']}`;
      const env = { PATH: path, RECOVERS: recovers, HOME: dir };
      const lines = [`cd '${dir}'`, ...box.lines];
      const { exitCode, said } = await typed({ ...box, lines }, { input: '0/0', env });
      expect([box.says, exitCode, said]).toMatchObject([box.says, 0, expect.any(String)]);
    }
  }
  expect(await readdir(dir)).not.toContain('canary');
  const written = await readFile(join(given.dataDir, 'postgresql.auto.conf'), 'utf8');
  expect(written).toMatch(/^primary_conninfo = '.*'$/m);
});

test.each(hostile)(
  '%s is text also where a person types, in an interactive shell',
  async (_what, value) => {
    const given = await placeOf(value);
    const replication = { ...given.replication, password: null };
    const place = postgresCalls.place.output.parse({ ...given, replication });
    const [files] = boxesOf(place, value)
      .filter(([, recovers]) => recovers === 't')
      .map(([box]) => box);
    const shell = spawn('bash', ['--norc', '--noprofile', '-i'], {
      cwd: dir,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    shell.stdin.end(`echo '"; touch canary; #'\n${files?.lines.join('\n')}\n`);
    await once(shell, 'close');
    expect(await readdir(dir)).not.toContain('canary');
    const written = await readFile(join(given.dataDir, 'postgresql.auto.conf'), 'utf8');
    expect(written).toContain(quoted(conninfo({ host: value })).slice(0, -1));
  },
);

test.each([
  ['a new line', 'app\ntouch canary'],
  ['an escape sequence', 'app\u001B[2J'],
  ['a sign that turns the direction of text', 'app\u202Etxt'],
  ['nothing', ''],
  ['a command', '$(touch canary)'],
  ['an earlier line', '!!'],
])('a guard that names a role with %s is not believed', async (_what, role) => {
  const place = { ...(await placeOf('a')), applicationRoles: [role] };
  expect(postgresCalls.place.output.safeParse(place).success).toBe(false);
});

test.each(['-ew/root/x', 'pg_hba.conf', '/etc/a\nb'])(
  'nor one with the path %j',
  async (hbaFile) => {
    const place = { ...(await placeOf('a')), hbaFile };
    expect(postgresCalls.place.output.safeParse(place).success).toBe(false);
  },
);
