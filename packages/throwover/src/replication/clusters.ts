import {
  authorityErrors,
  type ClusterReport,
  type ClusterVerdict,
  clusterText,
  type DatabaseSide,
  type DatabaseStatus,
  judgeBoth,
  judgeFollower,
} from '../authority/authority.ts';
import { type Clock, noAnswer, within } from '../kernel/kernel.ts';
import type { Guard, Refusal } from '../runbook/runbook.ts';

/** Name of the override for a cluster that cannot be confirmed; for failovers only. */
export const unknownClusterOverride = 'cluster-identity-unknown';

/**
 * The guard that both regions' databases belong to one cluster and one history, before one of them
 * is promoted.
 */
export function oneCluster(options: {
  from: DatabaseSide;
  to: DatabaseSide;
  /** In a failover: how long the run waits for the old side, ms. Absent: both sides must answer. */
  lostPatienceMs?: number;
}): Guard {
  const { from, to, lostPatienceMs } = options;
  return {
    name: 'one-cluster',
    title: `${from.region}'s and ${to.region}'s databases are one cluster, with one history`,
    check: async ({ clock }) => {
      const [old, next] = await Promise.all([
        lostPatienceMs === undefined ? from.status() : soon(from, lostPatienceMs, clock),
        to.status(),
      ]);
      const verdict = verdictOfBoth(old, next);
      return refusalsOf(verdict, to.region, lostPatienceMs === undefined ? 'refuse' : 'ask');
    },
  };
}

/**
 * The guard that the side that will follow belongs to the cluster and history of the active one.
 */
export function mayFollow(options: { active: DatabaseSide; returned: DatabaseSide }): Guard {
  const { active, returned } = options;
  return {
    name: 'one-cluster',
    title: `${returned.region}'s database is of ${active.region}'s cluster`,
    check: async () => {
      const [primary, old] = await Promise.all([active.status(), returned.status()]);
      // A cluster that cannot be read now is checked by the guard of that database before it
      // changes anything.
      if (primary.cluster === null || old.cluster === null) return [];
      const verdict = judgeFollower(old.cluster, primary.cluster);
      return verdict.is === 'different' ? refusalsOf(verdict, returned.region, 'refuse') : [];
    },
  };
}

/**
 * Returns the verdict from both present answers; if one side does not answer, the verdict that the
 * guard of the new side keeps.
 */
export function verdictOfBoth(old: DatabaseStatus | null, next: DatabaseStatus): ClusterVerdict {
  const now = old === null ? null : judgeBoth(reportOf(next), reportOf(old));
  return now ?? next.clusterVerdict;
}

function reportOf({ role, cluster, received, streaming, standby }: DatabaseStatus): ClusterReport {
  return {
    role,
    cluster,
    received,
    streaming: role === 'primary' ? standby?.state === 'streaming' : streaming,
  };
}

function refusalsOf(
  verdict: ClusterVerdict,
  region: string,
  unknown: 'refuse' | 'ask',
): readonly Refusal[] {
  if (verdict.is === 'same') return [];
  const error = clusterError(verdict, region);
  const override = verdict.is === 'unknown' && unknown === 'ask' ? unknownClusterOverride : null;
  return [{ error, override }];
}

/** Returns the error for this verdict; shared by `check` and plans. */
export function clusterError(verdict: Exclude<ClusterVerdict, { is: 'same' }>, region: string) {
  const code = verdict.is === 'different' ? 'cluster-different' : 'cluster-unknown';
  return authorityErrors.make(code, clusterText(region, verdict), { verdict });
}

async function soon(
  side: DatabaseSide,
  patienceMs: number,
  clock: Clock,
): Promise<DatabaseStatus | null> {
  const answer = await within(clock, patienceMs, side.status());
  return answer === noAnswer ? null : answer;
}
