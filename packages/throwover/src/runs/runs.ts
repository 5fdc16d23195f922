/**
 * The kinds of run: lists of steps, nothing else.
 *
 *   ports.ts          the ports that a run uses, and the team's policy in milliseconds
 *   definition.ts     the parts of a kind of run
 *   switchover.ts     planned, nothing lost
 *   failover.ts       the active region is lost or sick
 *   rejoin.ts         attaches a region that was left as a standby
 *   failback.ts       the way home after a failover
 *   flip-only.ts      the naive runbook, kept as the comparison
 *   control-plane.ts warmth.ts facts.ts  shared by several runs
 */
import type { Clock } from '../kernel/kernel.ts';
import { claim } from '../replication/replication.ts';
import type { BuildRun, RunDefinition } from './definition.ts';
import { failback } from './failback.ts';
import { failover } from './failover.ts';
import { flipOnly } from './flip-only.ts';
import type { RunPolicy, RunPorts } from './ports.ts';
import { rejoin } from './rejoin.ts';
import { switchover } from './switchover.ts';

export type { Direction, RunDefinition } from './definition.ts';
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
  const sides = [ports.from.database, ports.to.database];
  return { ...runs[kind](ports, policy, clock), claim: claim(sides, clock) };
}
export { afterByHand, beforeByHand, byHand, type HandFacts, isStepName } from './by-hand.ts';
export type {
  DatabaseHands,
  DnsHands,
  DnsTarget,
  DoorHands,
  FunctionHands,
  GatewayHands,
  Hands,
} from './hands.ts';
