import { systemClock, systemRandom } from '../kernel/kernel.ts';
import { main } from './main.ts';

/**
 * npx and npm pass on a Ctrl-C that the terminal has already sent: within this time it counts as
 * the same one, ms.
 */
const sameSignalMs = 500;

/** Runs the command line as a process; only bin/throwover.js calls this. */
export async function run(): Promise<void> {
  // A closed terminal or pipe must not end a controller between a fence and a promotion.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  process.exitCode = await main({
    argv: process.argv.slice(2),
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    random: systemRandom,
    onSignal: (listener) => {
      let lastMs = Number.NEGATIVE_INFINITY;
      const interrupt = () => {
        const nowMs = systemClock.monotonicMs();
        if (nowMs - lastMs < sameSignalMs) return;
        lastMs = nowMs;
        listener('interrupt');
      };
      const terminate = () => listener('terminate');
      process.on('SIGINT', interrupt);
      process.on('SIGTERM', terminate);
      // The terminal is gone: stop at the next safe point, as after Ctrl-C.
      process.on('SIGHUP', terminate);
      return () => {
        process.off('SIGHUP', terminate);
        process.off('SIGINT', interrupt);
        process.off('SIGTERM', terminate);
      };
    },
  });
}
