import { openEpoch } from '../authority/open-epoch.ts';
import { claim, promote } from '../replication/replication.ts';
import { flip } from '../traffic/traffic.ts';
import type { BuildRun } from './definition.ts';
import { lagFacts } from './facts.ts';

/**
 * The naive runbook: "change the DNS and promote the standby". Kept as the honest comparison: it does
 * exactly what such a runbook says, with nothing left out and nothing made worse.
 *
 * It fences nothing, so its promotion carries an overridden fence proof that says so.
 */
export const flipOnly: BuildRun = (ports, policy, clock) => {
  const { from, to, dns, store } = ports;
  return {
    guards: [],
    steps: [
      // Nothing takes a flip back here: this runbook has no way home.
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
        }),
      }),
      openEpoch({ store, to: to.name }),
    ],
    facts: () => lagFacts(from.database),
    claim: claim([from.database, to.database], clock),
  };
};
