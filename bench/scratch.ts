import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeOptions } from '../packages/lab/src/world/child.ts';
import { throwoverBin } from '../packages/lab/src/world/specs.ts';
import { type Child, startChild } from './child.ts';
import { startDaemon } from './peers/process.ts';

/** The directory of one bench, and what it has started. */
export interface Scratch {
  readonly dir: string;
  /** Starts a process that keeps running; its output goes to `NAME.log`. */
  daemon(name: string, file: string, args: readonly string[]): Promise<void>;
  /** Starts a process of throwover. */
  throwover(name: string, args: readonly string[]): Promise<void>;
  /** Starts a script of a bench that answers messages. */
  child(file: string, ...args: string[]): Promise<Child>;
  /** Has something else ended as well. */
  endLater(end: () => Promise<unknown>): void;
}

/** Does the work, and ends what it has started, the last one first. */
export async function inScratch<T>(
  name: string,
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), `throwover-bench-${name}-`));
  const ends = [() => rm(dir, { recursive: true, force: true }) as Promise<unknown>];
  const daemon = async (name: string, file: string, args: readonly string[]) => {
    const running = await startDaemon({ name, file, args, logDir: dir });
    ends.push(() => running.kill());
  };
  try {
    return await work({
      ...{ dir, daemon },
      throwover: (name, args) =>
        daemon(name, process.execPath, [...nodeOptions, throwoverBin, ...args]),
      child: async (file, ...args) => {
        const running = await startChild(file, args);
        ends.push(() => running.end());
        return running;
      },
      endLater: (end) => ends.push(end),
    });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
