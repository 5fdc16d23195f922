import { afterAll, afterEach, beforeAll } from 'vitest';
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

let pair: Pair;
let guards: Guards;

beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
});
afterEach(() => guards.end());
afterAll(() => pair.remove());

/** SQLSTATE of a login or a write that is refused, or of a connection that ends. */
const refusals = new Set(['28000', '25006', '57P01', '57P03', 'ECONNRESET', 'ECONNREFUSED']);

async function open(): Promise<SidesUnderTest> {
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

databaseSideConformance('the guards beside two PostgreSQL', open);
