import { openEpoch } from '../authority/open-epoch.ts';
import type { Clock } from '../kernel/kernel.ts';
import { promote } from '../replication/replication.ts';
import { flip } from '../traffic/traffic.ts';
import type { RunPolicy, RunPorts } from './ports.ts';
import type { RunDefinition } from './switchover.ts';

/**
 * The naive runbook: "change the DNS and promote the standby". Kept as the honest comparison: it does
 * exactly what such a runbook says, with nothing left out and nothing made worse.
 *
 * It fences nothing, so its promotion carries an overridden proof that says so.
 */
export function flipOnly(ports: RunPorts, policy: RunPolicy, clock: Clock): RunDefinition {
  const { to, dns, store } = ports;
  return {
    guards: [],
    steps: [
      // Nothing takes a flip back here: this runbook has no way home.
      { ...flip({ dns, to: to.name, record: policy.record, clock }), noReturn: true },
      promote({
        to: to.database,
        proof: async ({ run }) => ({
          kind: 'overridden',
          by: `run ${run.runId}`,
          reason: 'the naive runbook does not fence: both sides may acknowledge writes',
        }),
      }),
      openEpoch({ store, to: to.name }),
    ],
  };
}
