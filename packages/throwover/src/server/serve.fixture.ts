/**
 * `throwover serve` as a separate process, for tests that kill it: argument `{"port","dataDir"}`,
 * then `{"url"}` on stdout.
 */
import { systemClock } from '../kernel/kernel.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { startServe } from './serve.ts';

const { port, dataDir } = JSON.parse(String(process.argv[2]));
const { url } = await startServe({
  openStore: openSqliteStore,
  host: '127.0.0.1',
  port,
  dataDir,
  clock: systemClock,
});
process.stdout.write(`${JSON.stringify({ url })}\n`);
