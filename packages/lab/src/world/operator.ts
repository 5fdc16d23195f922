import type { Plan, RunState } from 'throwover';
import { systemClock } from 'throwover/kernel';
import type { LedgerRow } from '../chaos/oracle.ts';
import type { Lab } from './lab.ts';
import type { RegionName } from './map.ts';
import { type CliResult, throwover, throwoverJson } from './throwover-cli.ts';

/** The commands that a person types. */

export interface Planned {
  readonly digest: string;
  readonly plan: Plan;
  /** Every refusal of the plan that a person may accept by name. */
  readonly overrides: readonly string[];
}

/** Returns the plan; a refused one is still a plan. */
export async function plan(lab: Lab, kind: string, to: RegionName | null): Promise<Planned> {
  const args = ['plan', kind, ...(to === null ? [] : ['--to', to]), '--json'];
  const result = await throwover(args, { cwd: lab.options.dir });
  const last = result.stdout.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{"digest"')) throw new Error(said(args, result));
  const { digest, plan: made } = JSON.parse(last) as { digest: string; plan: Plan };
  const asked = made.guards.flatMap(({ refusals, mayAsk = [] }) => [
    ...refusals.flatMap(({ override }) => override ?? []),
    // Two writers are accepted only when the plan asks for that: otherwise the judge would have to
    // excuse what no round needs.
    ...mayAsk.filter((name) => name !== 'two-writers'),
  ]);
  return { digest, plan: made, overrides: [...new Set(asked)] };
}

/** Returns the digest of a plan that is not refused. */
export async function digestOf(lab: Lab, kind: string, to: RegionName): Promise<string> {
  const args = ['plan', kind, '--to', to];
  return (await throwoverJson<{ digest: string }>(args, lab.options.dir)).digest;
}

/** Plans a switchover that nothing refuses, approves it, and waits until it has succeeded. */
export async function switchOver(lab: Lab, to: RegionName): Promise<void> {
  const digest = await digestOf(lab, 'switchover', to);
  await throwoverJson(['switchover', '--to', to, '--yes', digest], lab.options.dir);
}

/**
 * Approves this plan with all the overrides that it asks for, and waits for the command's end.
 * `approvedMs`: when the run was asked for, wall ms.
 */
export async function carryOut(
  lab: Lab,
  kind: string,
  to: RegionName,
  { digest, overrides }: Pick<Planned, 'digest' | 'overrides'>,
): Promise<{ readonly result: CliResult; readonly approvedMs: number }> {
  const approvedMs = systemClock.wallMs();
  const names = overrides.flatMap((name) => ['--override', name]);
  const args = [kind, '--to', to, '--yes', digest, ...names, '--json'];
  return { approvedMs, result: await throwover(args, { cwd: lab.options.dir }) };
}

/**
 * Most plans that the operator reads: while a region becomes silent, a second plan can show more
 * than the first.
 */
const maxPlans = 3;

/**
 * Performs a run that must succeed, and returns the newest run of the store. A plan that is out of
 * date is read again.
 */
export async function perform(
  lab: Lab,
  kind: string,
  to: RegionName,
): Promise<{ run: RunState; approvedMs: number; planned: Planned }> {
  let firstMs: number | null = null;
  for (let plans = 1; ; plans++) {
    const planned = await plan(lab, kind, to);
    const { result, approvedMs } = await carryOut(lab, kind, to, planned);
    // Counted from the first approval: a second one also costs time without a writer.
    firstMs ??= approvedMs;
    if (result.exitCode === 0) {
      return { run: await newestRun(lab), approvedMs: firstMs, planned };
    }
    if (plans === maxPlans || !result.stdout.includes('"digest-mismatch"')) {
      throw new Error(said([kind, '--to', to], result));
    }
  }
}

/**
 * Returns the kind for a planned switch: only `failback` goes home after a failover; it is as
 * planned as a switchover.
 */
export async function plannedKind(lab: Lab, to: RegionName): Promise<'switchover' | 'failback'> {
  const { guards } = (await plan(lab, 'switchover', to)).plan;
  const refusals = guards.flatMap((guard) => guard.refusals.map(({ error }) => error.code));
  return refusals.includes('failback-locked') ? 'failback' : 'switchover';
}

export async function newestRun(lab: Lab): Promise<RunState> {
  const { dir } = lab.options;
  const { runs } = await throwoverJson<{ runs: readonly { runId: string }[] }>(['runs'], dir);
  const runId = runs[0]?.runId;
  if (runId === undefined) throw new Error('there is no run');
  return throwoverJson<RunState>(['show', runId], dir);
}

/** Returns the ledger rows of lost writes, of one run or of all. */
export async function ledgerOf(lab: Lab, runId?: string): Promise<readonly LedgerRow[]> {
  const { losses } = await throwoverJson<{ losses: readonly LedgerRow[] }>(
    ['losses', ...(runId === undefined ? [] : ['--run', runId])],
    lab.options.dir,
  );
  return losses;
}

/** Returns when the run's step was seen done, wall ms. */
export function doneMs(run: RunState, step: string): number | null {
  const record = run.records.find((one) => one.type === 'outcome' && one.step === step);
  return record?.wallMs ?? null;
}

export function said(args: readonly string[], { exitCode, stdout, stderr }: CliResult): string {
  return `throwover ${args.join(' ')}: exit code ${exitCode}\n${stdout}${stderr}`;
}
