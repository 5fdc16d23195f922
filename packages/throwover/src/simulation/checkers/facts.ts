import type { DatabaseSide } from '../../authority/authority.ts';
import { ancestry, type Branch, type Write } from '../database/history-of-writes.ts';
import type { Happening, Noted } from '../world/history.ts';
import type { World } from '../world/world.ts';

export interface Ending {
  readonly converged: boolean;
  readonly healedMs: number;
}

type Of<T extends Happening['type']> = Extract<Noted, { type: T }>;

/** The facts that the checkers need, read from a history once. */
export interface Facts {
  readonly world: World;
  readonly ending: Ending;
  readonly noted: readonly Noted[];
  all<T extends Happening['type']>(type: T): readonly Of<T>[];
  readonly branches: readonly Branch[];
  /** All committed writes, on any branch, also those that were lost. */
  readonly writes: readonly Write[];
  readonly promotions: readonly PromotionFact[];
  /** Returns the run of a token, with its kind and the approved overrides. */
  runOf(token: number): RunFact | undefined;
}

export interface PromotionFact {
  readonly branch: Branch;
  readonly parent: Branch;
  /** First moment at which the branch could take a write; `null`: never. */
  readonly openedMs: number | null;
  /** The command that asked for the promotion; `null` when there was none. */
  readonly command: { readonly token: number; readonly input: PromoteCommand } | null;
  readonly run: RunFact | undefined;
  /** Whether a person accepted two writers. */
  readonly accepted: boolean;
}

export type PromoteCommand = Parameters<DatabaseSide['promote']>[0];

export interface RunFact {
  readonly runId: string;
  kind: string;
  overrides: readonly string[];
}

export function factsOf(world: World, ending: Ending): Facts {
  const { noted } = world.history;
  const byType = Map.groupBy(noted, ({ type }) => type);
  const all = <T extends Happening['type']>(type: T) => (byType.get(type) ?? []) as Of<T>[];
  const branches = branchesOf(
    world,
    all('promoted').map(({ branch }) => branch),
  );
  const runs = runsOf(noted);
  return {
    world,
    ending,
    noted,
    all,
    branches,
    writes: branches.flatMap(({ writes }) => writes),
    promotions: promotionsOf(all, runs),
    runOf: (token) => runs.get(token),
  };
}

function branchesOf(world: World, promoted: readonly Branch[]): readonly Branch[] {
  const newest = [...promoted, ...world.sites.map(({ server }) => server.copy.branch)];
  const found = new Set(newest.flatMap((branch) => [...ancestry(branch)]));
  return [...found].sort((a, b) => a.id - b.id);
}

/** Returns runs by token: each token belongs to one controller of one run. */
function runsOf(noted: readonly Noted[]): Map<number, RunFact> {
  const byToken = new Map<number, RunFact>();
  const byId = new Map<string, RunFact>();
  for (const one of noted) {
    if (one.type === 'run-begun') {
      const run = { runId: one.runId, kind: one.kind, overrides: [] };
      byId.set(one.runId, run);
      byToken.set(one.token, run);
    } else if (one.type === 'run-taken') {
      const run = byId.get(one.runId);
      if (run !== undefined) byToken.set(one.token, run);
    } else if (one.type === 'appended') {
      const run = byId.get(one.runId);
      const { record } = one;
      if (run === undefined) continue;
      if (record.type === 'mandate') run.overrides = record.overrides;
      if (record.type === 'replanned') {
        run.kind = record.kind;
        run.overrides = [...run.overrides, ...record.overrides];
      }
    }
  }
  return byToken;
}

function promotionsOf(
  all: Facts['all'],
  runs: ReadonlyMap<number, RunFact>,
): readonly PromotionFact[] {
  return all('promoted').flatMap(({ branch, region, atMs }) => {
    const { parent } = branch;
    if (parent === null) return [];
    const opened = all('writable').find((one) => one.branch === branch);
    const asked = all('command').findLast(
      (one) => one.name === 'promote' && one.region === region && one.atMs <= atMs,
    );
    const byGuard = branch.by === 'guard';
    const command =
      byGuard && asked !== undefined
        ? { token: asked.token, input: asked.detail as PromoteCommand }
        : null;
    const run = command === null ? undefined : runs.get(command.token);
    return [
      {
        branch,
        parent,
        openedMs: opened?.atMs ?? null,
        command,
        run,
        accepted: !byGuard || (command?.input.proof.kind === 'overridden' && acceptsTwo(run)),
      },
    ];
  });
}

/** Whether a person accepted the risk of two writers, by name. */
export function acceptsTwo(run: RunFact | undefined): boolean {
  return run?.kind === 'flip-only' || run?.overrides.includes('two-writers') === true;
}

/** Whether `branch` is, or came from, `other`. */
export function cameFrom(branch: Branch, other: Branch): boolean {
  return [...ancestry(branch)].includes(other);
}

/** Returns a time of the history as people read it, s. */
export function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3);
}

/** Returns text that identifies a write, for people. */
export function writeText({ key, region, branch, lsn, acknowledgedMs, begunMs }: Write): string {
  const at = (ms: number | null) => (ms === null ? 'never' : (ms / 1000).toFixed(4));
  return `write ${key} in ${region} on b${branch.id} at ${lsn.toString(16)}, begun ${at(begunMs)}, acknowledged ${at(acknowledgedMs)}`;
}
