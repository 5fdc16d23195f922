import { storeConformance } from '../../store/conformance.ts';
import { drivenBy, pass, quietWorld } from '../ports.fixture.ts';
import { storeOver } from './witness-store.ts';

storeConformance('the store of the simulation, over its network,', async () => {
  const { world, operator } = quietWorld();
  const { queue, network, store } = world;
  store.start();
  return {
    store: drivenBy(queue)(storeOver(network, operator, store)),
    advance: (ms) => pass(queue, ms),
    restart: async () => {
      store.process?.kill();
      store.start();
    },
    damage: async (runId) => {
      const run = store.state.runs.get(runId);
      if (run !== undefined) run.plan = '{"steps":[]}';
    },
    close: async () => {},
  };
});
