import { seededRandom, systemClock } from '../../kernel/kernel.ts';
import { openSqliteStore } from './sqlite-store.ts';

/** A process of its own that ends the damaged run of a store, and waits to be killed. */
const [dataDir = '', runId = ''] = process.argv.slice(2);
const store = openSqliteStore({ dataDir, clock: systemClock, random: seededRandom(1) });
process.stdout.write('opened\n');
// Its lease counts anew after a restart of the store.
await systemClock.sleep(50);
const ending = await store.endDamaged({ runId, by: 'ana', reason: 'killed in between' });
process.stdout.write(`${JSON.stringify(ending)}\n`);
await systemClock.sleep(60_000);
