import { defineRun, type Parts } from '../compose/service-ports.ts';
import { seededRandom } from '../kernel/kernel.ts';
import { type Notifier, Notifiers } from '../notify/notify.ts';
import { memoryRecordLog } from '../records/record-log.fixture.ts';
import type { World } from '../runs/runs.fixture.ts';
import { wholeFile } from '../service/service.fixture.ts';
import { parseService } from '../service/service.ts';
import type { Session } from './session.ts';

/**
 * Returns the session of `throwover serve` over the world in memory; `more` is added to its
 * throwover.yaml.
 */
export function worldSession(
  world: World,
  more = '',
  notifiers: readonly Notifier[] = [],
): Session {
  const { clock, store } = world;
  const text = wholeFile.replace(/^functions:.*$/m, '').replace(/^steps:[\s\S]*$/m, '');
  const service = parseService(`${text}${more}`, 'throwover.yaml');
  const loaded = { service, path: 'throwover.yaml', directory: '/' };
  const parts: Parts = {
    store,
    dns: { ...world.dns, adopt: () => world.dns.read() },
    regions: world.regions,
    doorCounts: [],
    gateways: world.gateways,
    lag: { sightings: async () => world.sightings, reports: async () => [] },
    evidence: { add: async () => {}, list: async () => [] },
    records: memoryRecordLog(service.name, clock),
    drills: { calendar: async () => '', series: async () => [], printed: async () => '' },
    machine: null,
    close: async () => {},
  };
  return {
    loaded,
    parts,
    notifiers: new Notifiers({ notifiers, clock, onFailure: () => {} }),
    clock,
    random: seededRandom(1),
    env: {},
    // The steps of the real run; only real providers know the commands to type in each.
    byHand: async (kind, direction) => ({
      version: 1,
      service: service.name,
      ...{ kind, ...direction, onCall: service.onCall, machines: {}, before: [], after: [] },
      steps: defineRun(kind, loaded, { parts, direction, env: {}, clock }).steps.map(
        ({ name, title, noReturn }) => ({
          ...{ name, title, noReturn: noReturn === true },
          byHand: { none: 'In memory.' },
        }),
      ),
    }),
  };
}
