import { lostPatienceMs } from '../../replication/replication.ts';
import type { Scenario } from '../scenario.ts';

/** The service of every simulation. */
export const service = 'checkout';

/** Returns the team's policy for every seed, with the values of the scenario. */
export function runPolicy(scenario: Scenario) {
  return {
    service,
    lagBoundMs: 1_000,
    armTimeoutMs: 8_000,
    doorHoldMs: 5_000,
    openTransactionsMs: 500,
    attachTimeoutMs: 60_000,
    fenceDeadlineMs: 10_000,
    strict: scenario.strict,
    synchronous: scenario.synchronous,
    lossBoundMs: scenario.lossBoundMs,
    idsPerSecond: 50,
    home: null,
    standsInFrom: [],
    lostPatienceMs,
    forwardUrl: '',
    backwardUrl: '',
    deliverUrl: '',
    returnUrl: '',
    warm: null,
  };
}
