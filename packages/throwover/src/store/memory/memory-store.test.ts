import { seededRandom } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.ts';
import { storeConformance } from '../conformance.ts';
import { createMemoryStore } from './memory-store.ts';

storeConformance('the memory store', async () => {
  const clock = createVirtualClock();
  return {
    store: createMemoryStore({ clock, random: seededRandom(1) }),
    advance: clock.advance,
    close: async () => {},
  };
});
