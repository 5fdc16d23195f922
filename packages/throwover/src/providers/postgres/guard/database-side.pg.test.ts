import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { cutOff, until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { databaseSideConformance, type SidesUnderTest } from '../../../authority/conformance.ts';
import {
  type GuardHandle,
  type Guards,
  guardsOf,
  insertOnce,
  untilLedger,
  untilOneCluster,
} from './guards.fixture.ts';

const debian15 = '/usr/lib/postgresql/15/bin';
const installed = existsSync(join(debian15, 'postgres'));

/** SQLSTATE of a login or a write that is refused, or of a connection that ends. */
const refusals = new Set(['28000', '25006', '57P01', '57P03', 'ECONNRESET', 'ECONNREFUSED']);

async function open(pair: Pair, guards: Guards): Promise<SidesUnderTest> {
  await pair.databases.reset();
  const running: Record<'east' | 'west', GuardHandle> = {
    east: await guards.start('east'),
    west: await guards.start('west'),
  };
  const write = (region: 'east' | 'west') =>
    insertOnce(pair, region).then(
      () => true,
      (error) => {
        if (!refusals.has(error.code)) throw error;
        return false;
      },
    );
  const holds = (what: () => Promise<boolean>) => until('the condition', what);
  await holds(async () => (await running.west.side.status()).streaming);
  await untilOneCluster(running.west.side);
  await untilOneCluster(running.east.side);
  await holds(() => write('east'));
  await untilLedger(pair, 'east');
  return {
    get east() {
      return running.east.side;
    },
    get west() {
      return running.west.side;
    },
    write,
    separate: async () => {
      await holds(async () => {
        const [east, west] = await Promise.all([
          running.east.side.status(),
          running.west.side.status(),
        ]);
        return east.position === west.received;
      });
      await cutOff(pair);
    },
    restart: async (region) => {
      await running[region].end();
      running[region] = await guards.start(region);
    },
    lose: async (region) => {
      await running[region].end();
    },
    until: holds,
    end: () => guards.end(),
  };
}

describe.each([
  { version: '18', options: {} },
  ...(installed ? [{ version: '15', options: { pgBin: debian15 } }] : []),
])('with PostgreSQL $version', ({ version, options }) => {
  let pair: Pair;
  let guards: Guards;
  beforeAll(async () => {
    pair = await testPair(options);
    guards = await guardsOf(pair);
  });
  afterAll(() => pair.remove());

  databaseSideConformance(
    'the guards beside two PostgreSQL',
    () => open(pair, guards),
    version === '15'
      ? {
          'lost writes are salvaged page by page, and kept until their reader has agreed':
            'PostgreSQL 15 decodes its log on a primary only',
        }
      : {},
  );
});
