import { systemClock, systemRandom } from '../kernel/kernel.ts';
import { main } from './main.ts';

/** The command line as a process: bin/throwover.js calls this, and nothing else does. */
export async function run(): Promise<void> {
  process.exitCode = await main({
    argv: process.argv.slice(2),
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    random: systemRandom,
    onSignal: (listener) => {
      const interrupt = () => listener('interrupt');
      const terminate = () => listener('terminate');
      process.on('SIGINT', interrupt);
      process.on('SIGTERM', terminate);
      return () => {
        process.off('SIGINT', interrupt);
        process.off('SIGTERM', terminate);
      };
    },
  });
}
