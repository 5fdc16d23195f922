import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../kernel/kernel.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { startServe } from './serve.ts';

/** `throwover serve` on a free port with files of its own, for the suites of its logs. */
export async function serveForTests() {
  const dataDir = await mkdtemp(join(tmpdir(), 'throwover-logs-'));
  const start = () =>
    startServe({
      ...{ openStore: openSqliteStore, host: '127.0.0.1', port: 0 },
      ...{ dataDir, clock: systemClock },
    });
  let server = await start();
  let runs = true;
  const lose = async () => {
    if (runs) await server.close();
    runs = false;
  };
  return {
    /** After `restart` this is another object. */
    get server() {
      return server;
    },
    lose,
    restart: async () => {
      await lose();
      server = await start();
      runs = true;
    },
    end: async () => {
      await lose();
      await rm(dataDir, { recursive: true });
    },
  };
}
