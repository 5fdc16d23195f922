/**
 * A region: one process group that starts the region's processes and stops them in reverse order.
 *
 * argv[2] is the path of a JSON file: {children: [{name, argv, env}], logDir}. Reports `ready` when
 * all of them are. A process that dies is restarted, as a service manager would.
 */
import { isThrowoverError, systemClock } from 'throwover/kernel';
import { z } from 'zod';
import { runProcess } from '../entry.ts';
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

await runProcess('region', configSchema, async ({ logDir, children }) => {
  const running = new Map<string, Child>();
  let stopping = false;
  const close = async () => {
    stopping = true;
    await Promise.all([...running.values()].map((child) => child.stop()));
  };
  const keepRunning = async (child: ChildConfig): Promise<void> => {
    const started = await startChild({ ...child, logDir });
    if (stopping) return started.stop();
    running.set(child.name, started);
    void started.ended.then(async (how) => {
      if (stopping) return;
      running.delete(child.name);
      console.error(JSON.stringify({ process: child.name, ended: how, next: 'starting it again' }));
      await systemClock.sleep(restartPauseMs);
      if (!stopping) await keepRunning(child).catch(fail);
    });
  };
  const fail = async (error: unknown): Promise<never> => {
    console.error(isThrowoverError(error) ? JSON.stringify(error) : error);
    await close();
    process.exit(1);
  };
  await Promise.all(children.map(keepRunning)).catch(fail);
  return { addresses: {}, close };
});
