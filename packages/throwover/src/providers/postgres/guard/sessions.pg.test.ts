/** The guard's own sessions work with any settings of roles and databases, and on a full server. */
import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Name, type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { kill, startSide, until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { applicationRole, database } from '../../../../../lab/src/postgres/schema.ts';
import { ofRun } from '../../../authority/guard/guard.fixture.ts';
import { type Guards, guardsOf, insertOnce, untilOneCluster } from './guards.fixture.ts';

const override = { kind: 'overridden', by: 'ana', reason: 'east is dead' } as const;
/**
 * Longest time for two switches with two copies and seven starts, ms: a minute on a fully loaded
 * machine.
 */
const longMs = 240_000;

/** A superuser other than the guard's. */
const admin = 'admin';

/**
 * Settings of the test's own sessions: settings of one role in one database outrank all others
 * except the guard's own.
 */
const sane = {
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  search_path: 'public',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_session_timeout: '0',
  synchronous_commit: 'on',
};

const hostile = (major: number): readonly string[] => [
  `CREATE ROLE ${admin} LOGIN SUPERUSER`,
  'CREATE ROLE nobodys',
  'CREATE SCHEMA evil',
  `CREATE FUNCTION evil.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT NULL::boolean'`,
  `CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'`,
  ...[applicationRole, admin].flatMap((role) =>
    Object.entries(sane).map(
      ([name, value]) => `ALTER ROLE ${role} IN DATABASE ${database} SET ${name} = '${value}'`,
    ),
  ),
  `ALTER DATABASE ${database} SET search_path = evil, pg_catalog`,
  `ALTER DATABASE ${database} SET lock_timeout = '1ms'`,
  `ALTER DATABASE ${database} SET default_tablespace = 'not_there'`,
  `ALTER ROLE postgres SET role = 'nobodys'`,
  `ALTER ROLE postgres SET session_preload_libraries = 'not_there'`,
  `ALTER ROLE postgres SET default_transaction_read_only = on`,
  `ALTER ROLE postgres SET default_transaction_isolation = 'serializable'`,
  `ALTER ROLE postgres SET default_transaction_deferrable = on`,
  `ALTER ROLE postgres SET client_encoding = 'LATIN1'`,
  `ALTER ROLE postgres SET DateStyle = 'SQL, DMY'`,
  `ALTER ROLE postgres SET IntervalStyle = 'sql_standard'`,
  `ALTER ROLE postgres SET bytea_output = 'escape'`,
  `ALTER ROLE postgres SET extra_float_digits = -15`,
  `ALTER ROLE postgres SET standard_conforming_strings = off`,
  `ALTER ROLE postgres SET quote_all_identifiers = on`,
  `ALTER ROLE postgres SET row_security = off`,
  `ALTER ROLE postgres SET check_function_bodies = off`,
  `ALTER ROLE postgres SET session_replication_role = 'replica'`,
  `ALTER ROLE postgres SET synchronous_commit = off`,
  `ALTER ROLE postgres SET idle_in_transaction_session_timeout = '1ms'`,
  `ALTER ROLE postgres IN DATABASE ${database} SET statement_timeout = '1ms'`,
  `ALTER ROLE postgres IN DATABASE ${database} SET idle_session_timeout = '1ms'`,
  ...(major >= 17
    ? [`ALTER ROLE postgres IN DATABASE ${database} SET transaction_timeout = '1ms'`]
    : []),
  `ALTER ROLE replicator SET role = 'nobodys'`,
  `ALTER ROLE replicator SET statement_timeout = '1ms'`,
  // An example of a team's rule against changes in production.
  `CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
     $$ BEGIN IF session_user = 'postgres' THEN RAISE EXCEPTION 'not here'; END IF; END $$`,
  `CREATE EVENT TRIGGER refuse_definitions ON ddl_command_start EXECUTE FUNCTION public.refuse()`,
  ...(major >= 17
    ? ['CREATE EVENT TRIGGER refuse_logins ON login EXECUTE FUNCTION public.refuse()']
    : []),
];

/** In both sides' postgresql.auto.conf, as ALTER SYSTEM writes them. */
const hostileSystem = `
default_transaction_read_only = 'on'
default_transaction_isolation = 'serializable'
statement_timeout = '1ms'
idle_session_timeout = '1ms'
search_path = 'nowhere'
synchronous_commit = 'off'
`;

/** Waits until a write succeeds: the guard writes "open" down before it opens. */
const untilWritten = (pair: Pair, name: Name) =>
  until(`${name} takes writes`, () =>
    insertOnce(pair, name).then(
      () => true,
      (error) => {
        if (!['28000', '57P01', 'ECONNRESET'].includes(error.code)) throw error;
        return false;
      },
    ),
  );

const debian15 = '/usr/lib/postgresql/15/bin';
const versions = [
  { version: '18 of npm', pgBin: undefined },
  ...(existsSync(join(debian15, 'postgres')) ? [{ version: '15', pgBin: debian15 }] : []),
];

describe.each(versions)(
  'settings of roles, databases and the system, PostgreSQL $version',
  ({ pgBin }) => {
    let pair: Pair;
    let guards: Guards;
    beforeAll(async () => {
      pair = await testPair(pgBin === undefined ? {} : { pgBin });
      guards = await guardsOf(pair);
    });
    afterAll(async () => {
      await guards.end();
      await pair.remove();
    });

    it(
      'change nothing about a fence, a promotion, an attachment, a salvage and a survey',
      async () => {
        await startSide(pair, 'east');
        const first = await pair.connect('east', 'postgres');
        for (const statement of hostile(pair.binaries.major)) await first.query(statement);
        await first.end();
        await kill(pair, 'east');
        for (const name of ['east', 'west'] as const) {
          const { dataDir } = pair.databases.side(name);
          await appendFile(join(dataDir, 'postgresql.auto.conf'), hostileSystem);
        }
        // They do affect a session that does not set its own values.
        await startSide(pair, 'east');
        await expect(pair.ask('east', 'SELECT pg_sleep(1)')).rejects.toThrow();
        await kill(pair, 'east');

        const east = await guards.start('east');
        const west = await guards.start('west');
        await until('west streams', async () => (await west.side.status()).streaming);
        await untilOneCluster(west.side);
        const survey = await east.side.survey();
        expect(survey).toMatchObject({ region: 'east', guardLacks: [], missingRoles: [] });
        await untilWritten(pair, 'east');
        const proof = await east.side.fence({
          ...ofRun(1),
          openTransactionsMs: 0,
          deadlineMs: null,
        });
        await until('west has it', async () => {
          return ((await west.side.status()).received ?? '') >= proof.position;
        });
        const promotion = await west.side.promote({ ...ofRun(1), epoch: 2, proof, lossy: null });
        expect(promotion).toMatchObject({ epoch: 2, region: 'west', timeline: 2 });
        await insertOnce(pair, 'west');
        await east.side.stop(ofRun(1));
        const attached = await east.side.attach({
          ...ofRun(1),
          epoch: 2,
          upstream: 'west',
          promotion,
          discards: true,
        });
        // If the server itself wrote a record after the fence, a rewind or a copy is needed.
        expect(['as-is', 'rewind', 'copy']).toContain(attached.way);
        // The server ends a receiver that idles for 1 ms between two commands, until one is quick enough.
        await until('east streams', async () => (await east.side.status()).streaming);
        expect(await east.side.status()).toMatchObject({ role: 'standby' });

        // West continues alone, and dies with writes that east did not get.
        await until('the ledger has a slot', async () => {
          const client = await pair.connect('west', admin);
          const { rowCount } = await client.query('SELECT FROM pg_replication_slots');
          await client.end();
          return rowCount === 1;
        });
        await east.end();
        await kill(pair, 'east');
        const lost = await insertOnce(pair, 'west');
        await west.end();
        await kill(pair, 'west');
        const again = await guards.start('east');
        const lossy = { sequenceAdvance: 1_000 };
        const failover = await again.side.promote({
          ...ofRun(2, 'east'),
          epoch: 3,
          proof: override,
          lossy,
        });
        await insertOnce(pair, 'east');

        const back = await guards.start('west');
        const { switchPosition } = failover;
        const page = { ...ofRun(2, 'east'), epoch: 3, switchPosition, from: 0, limit: 500 };
        const salvage = await back.side.salvage(page);
        expect(salvage).toMatchObject({
          state: 'complete',
          losses: [{ table: 'public.orders', key: { idempotency_key: lost } }],
        });
        const way = await back.side.attach({
          ...{
            ...ofRun(2, 'east'),
            epoch: 3,
            upstream: 'east',
            promotion: failover,
            discards: true,
          },
        });
        expect(way.way).toBe(existsSync(join(pair.binaries.dir, 'pg_rewind')) ? 'rewind' : 'copy');
      },
      longMs,
    );
  },
);

describe.each(versions)('what the guard cannot have, PostgreSQL $version', ({ pgBin }) => {
  let pair: Pair;
  let guards: Guards;
  beforeAll(async () => {
    pair = await testPair(pgBin === undefined ? {} : { pgBin });
    guards = await guardsOf(pair);
  });
  afterAll(async () => {
    await guards.end();
    await pair.remove();
  });

  it('is told by its survey', async () => {
    await startSide(pair, 'east');
    for (const statement of [
      'CREATE ROLE guardian LOGIN IN ROLE pg_monitor',
      'CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$',
      'CREATE EVENT TRIGGER team_rule ON ddl_command_start EXECUTE FUNCTION look()',
      'ALTER EVENT TRIGGER team_rule ENABLE ALWAYS',
    ]) {
      await pair.ask('east', statement);
    }
    const lacking = async (extra: Record<string, unknown>) => {
      const guard = await guards.start('east', extra);
      const survey = await guard.side.survey();
      await guard.end();
      return survey?.guardLacks;
    };
    const rule = { says: expect.stringMatching(/event trigger team_rule/), mayStopRun: true };
    const canSwitchOff = pair.binaries.major >= 17;
    expect(await lacking({})).toEqual(canSwitchOff ? [] : [rule]);
    const { host } = pair.address.east;
    // Its sessions still begin, without the settings that only a superuser may set.
    expect(await lacking({ superuser: { host, user: 'guardian' } })).toEqual([
      { says: expect.stringMatching(/superuser: guardian cannot/), mayStopRun: true },
      rule,
    ]);
  });
});

describe('a full server', () => {
  let pair: Pair;
  let guards: Guards;
  const held: pg.Client[] = [];
  beforeAll(async () => {
    pair = await testPair();
    guards = await guardsOf(pair);
  });
  beforeEach(() => pair.databases.reset());
  afterEach(async () => {
    await guards.end();
    await Promise.all(held.splice(0).map((client) => client.end().catch(() => {})));
  });
  afterAll(() => pair.remove());

  /** Opens sessions of this role until the server accepts no more. */
  async function fill(name: Name, role: string): Promise<void> {
    for (;;) {
      try {
        held.push(await pair.connect(name, role));
      } catch (error) {
        expect(error).toMatchObject({ code: '53300' });
        return;
      }
    }
  }
  const set = (name: Name, lines: string) =>
    appendFile(join(pair.databases.side(name).dataDir, 'postgresql.conf'), `\n${lines}\n`);

  it('is watched, surveyed and fenced by a guard that had started before, with no place left at all', async () => {
    await set('east', 'max_connections = 20');
    const [east] = [await guards.start('east'), await guards.start('west')];
    await untilWritten(pair, 'east');
    await fill('east', applicationRole);
    await fill('east', 'postgres');
    expect(await east.side.status()).toMatchObject({ role: 'primary' });
    expect(await east.side.survey()).toMatchObject({ writers: [], guardLacks: [] });
    const proof = await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    expect(proof.kind).toBe('confirmed');
    await expect(pair.connect('east')).rejects.toMatchObject({ code: '28000' });
    await east.side.unfence({ ...ofRun(1), proof: { kind: 'never-asked', token: 1 } });
    await insertOnce(pair, 'east');
  });

  it.each([3, 1, 0])(
    'is watched, surveyed and fenced by a guard that starts while %i reserved places are left',
    async (reserved) => {
      await set('east', `max_connections = 20\nsuperuser_reserved_connections = ${reserved}`);
      await startSide(pair, 'east');
      await fill('east', applicationRole);
      const before = held.length;
      const east = await guards.start('east');
      await until('seen', async () => (await east.side.status()).role === 'primary');
      const survey = await east.side.survey();
      expect(survey?.guardLacks.map(({ says }) => says).join()).toMatch(
        reserved === 3 ? /^$/ : /superuser_reserved_connections is/,
      );
      expect(before).toBe(20 - reserved);
      await east.side.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
      await expect(pair.connect('east')).rejects.toMatchObject({ code: '28000' });
    },
  );

  it('is promoted by a guard that starts while none is left for superusers either', async () => {
    const [, before] = [await guards.start('east'), await guards.start('west')];
    await untilOneCluster(before.side);
    await before.end();
    await kill(pair, 'west');
    await set('west', 'superuser_reserved_connections = 0');
    await startSide(pair, 'west');
    await fill('west', applicationRole);
    const west = await guards.start('west');
    await until('seen', async () => (await west.side.status()).role === 'standby');
    const lossy = { sequenceAdvance: 9 };
    const promotion = await west.side.promote({ ...ofRun(1), epoch: 2, proof: override, lossy });
    expect(promotion).toMatchObject({ epoch: 2, region: 'west' });
    await insertOnce(pair, 'west');
  });
});
