import { openEpoch, seeWriter } from '../authority/authority.ts';
import { promote } from '../replication/replication.ts';
import { flip } from '../traffic/traffic.ts';
import type { BuildRun } from './definition.ts';
import { lagFacts } from './facts.ts';

/**
 * The naive runbook: "change the DNS and promote the standby". Kept as the comparison: it does
 * exactly what such a runbook says and is made neither better nor worse.
 *
 * It fences nothing, so its promotion carries an overridden fence proof that says so.
 */
export const flipOnly: BuildRun = (ports, policy, clock) => {
  const { from, to, dns, store } = ports;
  return {
    guards: [],
    steps: [
      // A flip has no undo here: this runbook has no way back.
      { ...flip({ dns, to: to.name, record: policy.record, clock }), noReturn: true },
      promote({
        to: to.database,
        terms: async ({ run }) => ({
          proof: {
            kind: 'overridden',
            by: `run ${run.runId}`,
            reason: 'the naive runbook does not fence: both sides may acknowledge writes',
          },
          lossy: null,
          // It checks nothing before it promotes. The guard still refuses a database that is known
          // to belong to another cluster.
          unknownCluster: true,
        }),
      }),
      openEpoch({ store, to: to.name, database: to.database }),
      seeWriter({ database: to.database }),
    ],
    facts: () => lagFacts(from.database),
  };
};
