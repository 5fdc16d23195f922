import { holdoverFacts } from '../evidence/forecast/facts.ts';
import { type Notifier, Notifiers } from '../notify/notify.ts';
import type { World } from '../runs/runs.fixture.ts';
import type { Operated } from './operated.ts';

/** The service as `throwover serve` operates it, over the world in memory. */
export function operatedWorld(world: World, notifiers: readonly Notifier[] = []): Operated {
  const { clock, store } = world;
  return {
    name: 'checkout',
    owner: 'a test',
    store,
    regions: world.regions.map(({ name, database, door }) => {
      return { name, database, door, forwardUrl: `http://${name}` };
    }),
    clock,
    notifiers: new Notifiers({ notifiers, clock, onFailure: () => {} }),
    define: (kind, { from, epoch }, consent, waits) =>
      world.define(kind, [], from, { consent, epoch, ...waits }),
    lagReports: async () => [],
    forecastFacts: async (_kind, from) => ({
      stages: [],
      forwarding: false,
      holdover: holdoverFacts(
        { resolvers: [], beacons: [], connections: [], curves: [] },
        { ttlSeconds: 60, from, left: new Map(), untilFlipLifeMs: [] },
      ),
    }),
    evidence: { add: async () => {} },
  };
}

/** Runs a loop of `throwover serve` for this long, ms of the world's clock, and ends it. */
export async function served(
  world: World,
  ms: number,
  loop: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const running = loop(stop.signal);
  await world.clock.advance(ms);
  stop.abort();
  await world.clock.until(running);
}
