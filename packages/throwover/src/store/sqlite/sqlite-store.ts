import type { Clock, Random } from '../../kernel/kernel.ts';
import type { EmbeddedStore } from '../port.ts';
import { lossCalls } from './loss-calls.ts';
import { runCalls } from './run-calls.ts';
import { openDatabase } from './schema.ts';
import { serviceCalls } from './service-calls.ts';
import { openSession } from './session.ts';

/**
 * Largest store, bytes: a run is about 20 KB, so this is some 50,000 runs. A full store is a clear
 * error, not a full disk.
 */
const defaultMaxBytes = 1024 ** 3;

/**
 * Opens a store in one SQLite file in `dataDir`. Each call is one transaction: durable when it
 * answers, and never half done after a crash. Each journal is a hash chain, verified when read.
 *
 * Leases and grants are only in memory (leases.ts); a stop of grants is on disk.
 *
 * Throws at opening: `store-in-use`, `store-unusable`, `store-too-new`, `store-disk-full`,
 * `store-damaged`.
 */
export function openSqliteStore(options: {
  dataDir: string;
  clock: Clock;
  random: Random;
  maxBytes?: number;
}): EmbeddedStore {
  const { dataDir, clock, random } = options;
  const db = openDatabase(dataDir, options.maxBytes ?? defaultMaxBytes);
  const session = openSession(db, clock, dataDir);
  return {
    get failure() {
      return session.failure;
    },
    close: () => db.close(),
    ...serviceCalls(session),
    ...runCalls(session, random),
    ...lossCalls(session),
  };
}
