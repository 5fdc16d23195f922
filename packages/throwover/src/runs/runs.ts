/**
 * Lists of steps, nothing else.
 *
 *   ports.ts          what a run touches, and the team's policy in milliseconds
 *   definition.ts     what a kind of run is made of
 *   switchover.ts     planned, nothing lost
 *   failover.ts       the active region is lost or sick
 *   rejoin.ts         a region that was left comes back as a standby
 *   failback.ts       home after a failover
 *   flip-only.ts      the naive runbook, kept as the comparison
 *   control-plane.ts warmth.ts window.ts facts.ts  what several of them need
 */
import type { Clock } from '../kernel/kernel.ts';
import type { BuildRun, RunDefinition } from './definition.ts';
import { failback } from './failback.ts';
import { failover } from './failover.ts';
import { flipOnly } from './flip-only.ts';
import type { RunPolicy, RunPorts } from './ports.ts';
import { rejoin } from './rejoin.ts';
import { switchover } from './switchover.ts';

export type { RunDefinition } from './definition.ts';
export type { RegionPorts, RunPolicy, RunPorts } from './ports.ts';
export { neededOf } from './warmth.ts';

const runs = {
  switchover,
  failover,
  failback,
  rejoin,
  'flip-only': flipOnly,
} as const satisfies Record<string, BuildRun>;

export type RunKind = keyof typeof runs;

export const runKinds = Object.keys(runs) as readonly RunKind[];

export function isRunKind(value: string): value is RunKind {
  return Object.hasOwn(runs, value);
}

export function buildRun(
  kind: RunKind,
  ports: RunPorts,
  policy: RunPolicy,
  clock: Clock,
): RunDefinition {
  return runs[kind](ports, policy, clock);
}
