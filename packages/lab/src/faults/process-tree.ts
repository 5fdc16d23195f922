import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { systemClock } from 'throwover/kernel';

/**
 * Most consecutive looks at the process table until all processes are stopped: this does not chase
 * a fork bomb.
 */
const maxLooks = 1_000;

/**
 * Time between two looks, ms; a signal takes effect sooner, when its process is next on a
 * processor.
 */
const lookMs = 2;

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** T: stopped. Z: dead, but its parent has not waited for it. */
  readonly state: string;
}

/** The roots of a fault: it stops, wakes or ends these processes and all their descendants. */
export type Roots = readonly number[];

/** Returns the live processes among the roots and their descendants, parents before children. */
export async function processTree(roots: Roots): Promise<readonly number[]> {
  return treeOf(roots, await processTable()).map(({ pid }) => pid);
}

/**
 * Stops all of them, like a region that no longer answers but is not dead. Resolves when each one
 * has been seen stopped, since until then it can start others.
 */
export async function freeze(roots: Roots): Promise<readonly number[]> {
  const told = new Set<number>();
  for (let look = 0; look < maxLooks; look++) {
    const tree = treeOf(roots, await processTable());
    // A process that waits in the kernel (D: for a disk, or a child after vfork) stops before it
    // runs again.
    const moving = tree.filter(
      ({ pid, state }) => state !== 'T' && !(state === 'D' && told.has(pid)),
    );
    if (moving.length === 0) return tree.map(({ pid }) => pid);
    for (const { pid } of moving) {
      signal(pid, 'SIGSTOP');
      told.add(pid);
    }
    await systemClock.sleep(lookMs);
  }
  throw new Error(`processes below ${roots.join(', ')} kept moving`);
}

/** Wakes all of them, children before parents, so that no parent finds its child late. */
export async function thaw(roots: Roots): Promise<void> {
  for (const pid of [...(await processTree(roots))].reverse()) signal(pid, 'SIGCONT');
}

/**
 * Ends all of them at once and resolves when none is left: they are frozen first, so that none
 * restarts another.
 */
export async function kill(roots: Roots): Promise<void> {
  const pids = await freeze(roots);
  for (const pid of pids) signal(pid, 'SIGKILL');
  for (;;) {
    const alive = new Set(
      (await processTable()).filter(({ state }) => state !== 'Z').map(({ pid }) => pid),
    );
    if (!pids.some((pid) => alive.has(pid))) return;
    await systemClock.sleep(lookMs);
  }
}

function treeOf(roots: Roots, table: readonly Process[]): readonly Process[] {
  const alive = table.filter(({ state }) => state !== 'Z' && state !== 'X');
  const children = Map.groupBy(alive, ({ parent }) => parent);
  const found = new Set(alive.filter(({ pid }) => roots.includes(pid)));
  for (const { pid } of found) for (const child of children.get(pid) ?? []) found.add(child);
  return [...found];
}

async function processTable(): Promise<readonly Process[]> {
  if (process.platform !== 'linux') return tableFromPs();
  const rows = await Promise.all(
    (await allPids()).map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
      // The name, in parentheses, may contain any character, also parentheses.
      const [state, parent] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
      return state === undefined ? [] : [{ pid, parent: Number(parent), state }];
    }),
  );
  return rows.flat();
}

/** Returns every process of this machine, where /proc lists them. */
export async function allPids(): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

async function tableFromPs(): Promise<readonly Process[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,ppid=,state=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, state = ''] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), state: state.charAt(0) };
    });
}

/** Sends a signal; returns false when the process has ended meanwhile. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

/** Returns the words with which a process was started; none when it has ended. */
export async function commandOf(pid: number): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
}
