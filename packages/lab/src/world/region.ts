/**
 * A region: one process group that starts the region's processes and stops them in reverse order.
 *
 * argv[2] is the path of a JSON file: {children: [{name, argv, env}], logDir}. Reports `ready` when
 * all of them are. A process that dies is restarted, as a service manager would.
 */
import { readFile } from 'node:fs/promises';
import { isThrowoverError, systemClock } from 'throwover/kernel';
import { z } from 'zod';
import { type Child, startChild } from './child.ts';

/** Pause before a process that died is restarted, ms: systemd's default RestartSec is 100 ms. */
const restartPauseMs = 100;

const configSchema = z.strictObject({
  logDir: z.string(),
  children: z.array(
    z.strictObject({
      name: z.string(),
      argv: z.array(z.string()),
      env: z.record(z.string(), z.string()),
    }),
  ),
});
type ChildConfig = z.infer<typeof configSchema>['children'][number];

const config = configSchema.parse(JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')));
const running = new Map<string, Child>();
let stopping = false;

async function keepRunning(child: ChildConfig): Promise<void> {
  const started = await startChild({ ...child, logDir: config.logDir });
  if (stopping) return started.stop();
  running.set(child.name, started);
  void started.ended.then(async (how) => {
    if (stopping) return;
    running.delete(child.name);
    console.error(JSON.stringify({ process: child.name, ended: how, next: 'starting it again' }));
    await systemClock.sleep(restartPauseMs);
    if (!stopping) await keepRunning(child).catch(fail);
  });
}

async function stopAll(): Promise<void> {
  stopping = true;
  await Promise.all([...running.values()].map((child) => child.stop()));
}

async function fail(error: unknown): Promise<never> {
  console.error(isThrowoverError(error) ? JSON.stringify(error) : error);
  await stopAll();
  process.exit(1);
}

process.on('SIGTERM', () => void stopAll().then(() => process.exit(0)));

try {
  await Promise.all(config.children.map(keepRunning));
  console.log('ready');
} catch (error) {
  await fail(error);
}
