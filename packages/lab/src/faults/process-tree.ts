import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Clock, systemClock } from 'throwover/kernel';

/** Looks at the process table in a row, at most, until all are stopped: a fork bomb is not ours to chase. */
const maxLooks = 1_000;

/** Time between two looks, ms; a signal takes effect in less, when its process is next on a processor. */
const lookMs = 2;

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** T: stopped. Z: dead, not waited for. */
  readonly state: string;
}

/** What a fault stops, wakes or ends: these processes and everything that descends from them. */
export type Roots = readonly number[];

/** Live processes among the roots and their descendants, parents before children. */
export async function processTree(roots: Roots): Promise<readonly number[]> {
  return treeOf(roots, await processTable()).map(({ pid }) => pid);
}

/**
 * Stops all of it, as a region that no longer answers and is not dead. Resolves when every one has
 * been seen stopped, since until then it can begin others.
 */
export async function freeze(roots: Roots, clock: Clock = systemClock): Promise<readonly number[]> {
  const told = new Set<number>();
  for (let look = 0; look < maxLooks; look++) {
    const tree = treeOf(roots, await processTable());
    // One that waits in the kernel (D: a disk, a child after vfork) stops before it runs again.
    const moving = tree.filter(
      ({ pid, state }) => state !== 'T' && !(state === 'D' && told.has(pid)),
    );
    if (moving.length === 0) return tree.map(({ pid }) => pid);
    for (const { pid } of moving) {
      signal(pid, 'SIGSTOP');
      told.add(pid);
    }
    await clock.sleep(lookMs);
  }
  throw new Error(`processes below ${roots.join(', ')} kept moving`);
}

/** Wakes all of it, children before parents, so that nobody misses a child that seems late. */
export async function thaw(roots: Roots): Promise<void> {
  for (const pid of [...(await processTree(roots))].reverse()) signal(pid, 'SIGCONT');
}

/** Ends all of it at once and resolves when none is left: frozen first, so that nobody starts another again. */
export async function kill(roots: Roots, clock: Clock = systemClock): Promise<void> {
  const pids = await freeze(roots, clock);
  for (const pid of pids) signal(pid, 'SIGKILL');
  for (;;) {
    const alive = new Set(
      (await processTable()).filter(({ state }) => state !== 'Z').map(({ pid }) => pid),
    );
    if (!pids.some((pid) => alive.has(pid))) return;
    await clock.sleep(lookMs);
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
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const rows = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
      // The name, in parentheses, may hold anything, parentheses too.
      const [state, parent] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
      return state === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), state }];
    }),
  );
  return rows.flat();
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

/** A process that has ended meanwhile is what was wanted, or does not matter. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
