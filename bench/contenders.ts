import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allPids, commandOf, kill } from '../packages/lab/src/faults/process-tree.ts';
import type { BenchOptions } from './options.ts';
import { missingPrograms } from './peers/process.ts';
import { TimeLeft } from './time-left.ts';

/**
 * Directory of PostgreSQL 15's server on Debian: the binaries that Debian's packages of the peers
 * need.
 */
const debianPgBin = '/usr/lib/postgresql/15/bin';

/**
 * Returns Debian's PostgreSQL 15 where it is installed, so that figures can be compared with the
 * peers'; otherwise null (npm's).
 */
async function benchPgBin(): Promise<string | null> {
  const missing = await missingPrograms([join(debianPgBin, 'postgres')]);
  return missing.length === 0 ? debianPgBin : null;
}

/** Number of ports for each contender. */
const portsEach = 50;

/** First port of the benches: separate from a lab that runs by hand. */
const firstPort = 18_600;

interface Place {
  readonly dir: string;
  readonly portBase: number;
}

export interface Entrant<Contender> {
  readonly name: string;
  /** Programs that it needs, and their packages; without them it cannot take part here. */
  readonly needs?: readonly string[];
  readonly packages?: readonly string[];
  readonly start: (place: Place) => Promise<Contender>;
}

/**
 * Measures each case with all contenders, and the peers among them when they are asked for. A quick
 * bench may have time for one case only, so it begins with the last, the most realistic one. A case
 * for which there was no time gives `null`, and is left out.
 */
export async function benchCases<Contender extends { close(): Promise<void> }, Case, Figures>(
  options: BenchOptions,
  bench: {
    readonly title: string;
    readonly rounds: { readonly quick: number; readonly full: number; readonly peers: number };
    readonly own: (pgBin: string | null) => readonly Entrant<Contender>[];
    readonly peers: (pgBin: string) => readonly Entrant<Contender>[];
    readonly cases: readonly Case[];
    readonly measure: (
      contenders: readonly Contender[],
      one: Case,
      at: { readonly rounds: number; readonly time: TimeLeft },
    ) => Promise<Figures | null>;
  },
) {
  const { quick, peers, say } = options;
  const pgBin = await benchPgBin();
  if (peers && pgBin === null) throw new Error('the peers need PostgreSQL 15 of Debian');
  const rounds = options.rounds ?? bench.rounds[quick ? 'quick' : peers ? 'peers' : 'full'];
  const entrants = [...bench.own(pgBin), ...(peers && pgBin !== null ? bench.peers(pgBin) : [])];
  say(`PostgreSQL: ${pgBin ?? "npm's"}; ${bench.title}`);
  const time = new TimeLeft(quick, say);
  const measured = await withContenders(entrants, options, async (contenders) => {
    const all: Figures[] = [];
    for (const one of quick ? bench.cases.toReversed() : bench.cases) {
      const figures = await bench.measure(contenders, one, { rounds, time });
      if (figures !== null) all.push(figures);
    }
    return all;
  });
  return { measured, pgBin, leftOut: time.leftOut };
}

/**
 * Starts all contenders one after the other, each on its own ports and in its own directory, runs
 * `measure`, and ends them. A contender that is not installed is left out; `say` reports how to
 * install it.
 */
async function withContenders<Contender extends { close(): Promise<void> }, Result>(
  entrants: readonly Entrant<Contender>[],
  options: { readonly only: readonly string[] | null; readonly say: (line: string) => void },
  measure: (contenders: readonly Contender[]) => Promise<Result>,
): Promise<Result> {
  const root = join(tmpdir(), `throwover-bench-${firstPort}`);
  await refuseLeftovers(root);
  await rm(root, { recursive: true, force: true });
  const ignoreSignals = endAllOnSignal(root);
  const contenders: Contender[] = [];
  const closeAll = async () => {
    for (const contender of contenders.splice(0)) await contender.close();
  };
  try {
    for (const [index, entrant] of entrants.entries()) {
      if (options.only !== null && !options.only.includes(entrant.name)) continue;
      const missing = await missingPrograms(entrant.needs ?? []);
      if (missing.length > 0) {
        options.say(`${entrant.name} is not installed (${missing.join(', ')}): left out`);
        options.say(`  apt-get install ${entrant.packages?.join(' ')}`);
        continue;
      }
      const place = {
        dir: join(root, entrant.name),
        portBase: firstPort + index * portsEach,
      };
      contenders.push(await entrant.start(place));
    }
    const result = await measure(contenders);
    await closeAll();
    await rm(root, { recursive: true, force: true });
    return result;
  } catch (error) {
    await closeAll();
    options.say(`what the contenders logged is in ${root}`);
    throw error;
  } finally {
    ignoreSignals();
  }
}

/**
 * Refuses to start while processes of another bench run: they use its ports and files, and a person
 * must decide about them.
 */
async function refuseLeftovers(root: string): Promise<void> {
  const pids = await processesOf(root);
  if (pids.length === 0) return;
  throw new Error(
    `processes of another bench in ${root} run: wait for it, or end them: kill ${pids.join(' ')}`,
  );
}

/**
 * Ctrl-C and SIGTERM end everything that was started at once: no process of a bench needs an
 * orderly end. The result stops that.
 */
function endAllOnSignal(root: string): () => void {
  const end = (signal: NodeJS.Signals) => {
    void processesOf(root)
      .then((pids) => kill(pids))
      .finally(() => process.exit(signal === 'SIGTERM' ? 143 : 130));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}

/**
 * Returns processes whose arguments name a path below `root`: some of them leave our process tree.
 */
async function processesOf(root: string): Promise<readonly number[]> {
  const ours = async (pid: number) =>
    (await commandOf(pid)).some((word) => word.includes(`${root}/`)) ? [pid] : [];
  return (await Promise.all((await allPids()).map(ours))).flat();
}
