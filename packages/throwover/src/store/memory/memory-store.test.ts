import { seededRandom } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { storeConformance } from '../conformance.ts';
import { createMemoryStore, newMemoryStoreState } from './memory-store.ts';

storeConformance('the memory store', async () => {
  const clock = createVirtualClock();
  const random = seededRandom(1);
  const state = newMemoryStoreState();
  let store = createMemoryStore({ clock, random, state });
  return {
    get store() {
      return store;
    },
    advance: clock.advance,
    restart: async () => {
      store = createMemoryStore({ clock, random, state });
    },
    damage: async (runId) => {
      const run = state.runs.get(runId);
      if (run !== undefined) run.plan = '{"steps":[]}';
    },
    close: async () => {},
  };
});
