/**
 * Lists of steps, nothing else.
 *
 *   ports.ts       what a run touches, and the team's policy in milliseconds
 *   switchover.ts  planned, nothing lost
 *   flip-only.ts   the naive runbook, kept as the comparison
 */
import type { Clock } from '../kernel/kernel.ts';
import { flipOnly } from './flip-only.ts';
import type { RunPolicy, RunPorts } from './ports.ts';
import { type RunDefinition, switchover } from './switchover.ts';

export type { RegionPorts, RunPolicy, RunPorts } from './ports.ts';
export type { RunDefinition } from './switchover.ts';

const runs = { switchover, 'flip-only': flipOnly } as const;

export type RunKind = keyof typeof runs;

export const runKinds = Object.keys(runs) as readonly RunKind[];

export function isRunKind(value: string): value is RunKind {
  return value in runs;
}

export function buildRun(
  kind: RunKind,
  ports: RunPorts,
  policy: RunPolicy,
  clock: Clock,
): RunDefinition {
  return runs[kind](ports, policy, clock);
}
