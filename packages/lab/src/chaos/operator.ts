import type { Plan, RunState } from 'throwover';
import { systemClock } from 'throwover/kernel';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';
import { type CliResult, throwover, throwoverJson } from '../world/throwover-cli.ts';
import type { LedgerRow } from './oracle.ts';

/** What a person does in a round, with the commands that a person has. */

export interface Planned {
  readonly digest: string;
  readonly plan: Plan;
  /** Everything that the plan was refused for and that a person may accept by name. */
  readonly overrides: readonly string[];
}

/** Reads the plan; a refused one is still a plan. */
export async function plan(lab: Lab, kind: string, to: RegionName | null): Promise<Planned> {
  const args = ['plan', kind, ...(to === null ? [] : ['--to', to]), '--json'];
  const result = await throwover(args, { cwd: lab.options.dir });
  const last = result.stdout.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{"digest"')) throw new Error(said(args, result));
  const { digest, plan: made } = JSON.parse(last) as { digest: string; plan: Plan };
  const asked = made.guards.flatMap(({ refusals, mayAsk = [] }) => [
    ...refusals.flatMap(({ override }) => override ?? []),
    ...mayAsk,
  ]);
  return { digest, plan: made, overrides: [...new Set(asked)] };
}

export interface Carried {
  readonly result: CliResult;
  /** When it was asked for, wall ms. */
  readonly approvedMs: number;
}

/** Approves this plan with everything that it asks for, and waits for the command's end. */
export async function carryOut(
  lab: Lab,
  kind: string,
  to: RegionName,
  { digest, overrides }: Planned,
): Promise<Carried> {
  const approvedMs = systemClock.wallMs();
  const names = overrides.flatMap((name) => ['--override', name]);
  const args = [kind, '--to', to, '--yes', digest, ...names, '--json'];
  return { approvedMs, result: await throwover(args, { cwd: lab.options.dir }) };
}

/** Plans that the operator reads at most: while a region goes silent a second one can say more than the first. */
const maxPlans = 3;

/** A run that must succeed; the newest of the store afterwards. A plan that is not today's any more is read again. */
export async function perform(
  lab: Lab,
  kind: string,
  to: RegionName,
): Promise<{ run: RunState; approvedMs: number; planned: Planned }> {
  let firstMs: number | null = null;
  for (let plans = 1; ; plans++) {
    const planned = await plan(lab, kind, to);
    const { result, approvedMs } = await carryOut(lab, kind, to, planned);
    // Counted from the first approval: that a second one was needed is time without a writer too.
    firstMs ??= approvedMs;
    if (result.exitCode === 0) {
      return { run: await newestRun(lab), approvedMs: firstMs, planned };
    }
    if (plans === maxPlans || !result.stdout.includes('"digest-mismatch"')) {
      throw new Error(said([kind, '--to', to], result));
    }
  }
}

export async function newestRun(lab: Lab): Promise<RunState> {
  const { dir } = lab.options;
  const { runs } = await throwoverJson<{ runs: readonly { runId: string }[] }>(['runs'], dir);
  const runId = runs[0]?.runId;
  if (runId === undefined) throw new Error('there is no run');
  return throwoverJson<RunState>(['show', runId], dir);
}

/** The rows of the ledger of lost writes that one run filled. */
export async function ledgerOf(lab: Lab, runId: string): Promise<readonly LedgerRow[]> {
  const args = ['losses', '--run', runId, '--json'];
  const { losses } = await throwoverJson<{ losses: readonly LedgerRow[] }>(
    args.slice(0, -1),
    lab.options.dir,
  );
  return losses;
}

/** When the run's step was seen done, wall ms. */
export function doneMs(run: RunState, step: string): number | null {
  const record = run.records.find((one) => one.type === 'outcome' && one.step === step);
  return record?.wallMs ?? null;
}

export function said(args: readonly string[], { exitCode, stdout, stderr }: CliResult): string {
  return `throwover ${args.join(' ')}: exit code ${exitCode}\n${stdout}${stderr}`;
}
