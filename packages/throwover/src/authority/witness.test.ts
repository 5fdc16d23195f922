import { expect, it } from 'vitest';
import { seededRandom } from '../kernel/kernel.ts';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import { createMemoryStore } from '../store/memory/memory-store.ts';
import { storeWitness } from './witness.ts';

const service = 'checkout';

async function newWitness() {
  const clock = createVirtualClock();
  const store = createMemoryStore({ clock, random: seededRandom(1) });
  return { clock, store, witness: storeWitness({ store, service, clock }) };
}

it('a question is over after its deadline, whatever the adapter waits for', async () => {
  const { clock, store, witness } = await newWitness();
  store.renewWriter = () => new Promise(() => {});
  const asked = witness.renewWriter({ region: 'east', epoch: 1, leaseMs: 10_000 });
  const refused = expect(asked).rejects.toThrow(expect.objectContaining({ code: 'store-away' }));
  await clock.advance(2_000);
  await refused;
});

it('a store that has never heard of the service answers that it knows of no epoch', async () => {
  const { witness } = await newWitness();
  expect(await witness.newestEpoch()).toEqual({ epoch: 0, active: null });
});

it('a refusal tells what is known instead', async () => {
  const { store, witness } = await newWitness();
  await store.registerService({ name: service, regions: ['east', 'west'], active: 'east' });
  const ask = (region: string) => witness.renewWriter({ region, epoch: 1, leaseMs: 10_000 });
  expect(await ask('east')).toEqual({ kind: 'granted' });
  expect(await ask('west')).toMatchObject({
    kind: 'refused',
    known: { epoch: 1, active: 'east' },
  });
});
