import { goesHome, lossesRead } from '../replication/replication.ts';
import type { BuildRun } from './definition.ts';
import { lagFacts } from './facts.ts';
import { plannedGuards, plannedSteps } from './switchover.ts';

/**
 * The way home after a failover: a switchover with a plan of its own (A8). The region that was lost
 * has rejoined and streams, and a person has read what the failover lost.
 */
export const failback: BuildRun = (ports, policy, clock) => {
  const { store, from, to } = ports;
  const { service, home } = policy;
  return {
    guards: [
      goesHome({ to: to.name, home }),
      ...plannedGuards(ports, policy, clock),
      lossesRead({ store, service }),
    ],
    steps: plannedSteps(ports, policy, clock),
    facts: () => lagFacts(from.database),
  };
};
