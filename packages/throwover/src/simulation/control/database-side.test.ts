import { databaseSideConformance, type SidesUnderTest } from '../../authority/conformance.ts';
import { SqlError } from '../database/sql.ts';
import { drivenBy, pass, quietWorld } from '../ports.fixture.ts';
import { databaseFor } from './ports.ts';
import { service } from './run-policy.ts';

async function open(): Promise<SidesUnderTest> {
  const { world, operator } = quietWorld();
  const { queue, network, store } = world;
  const driven = drivenBy(queue);
  store.start();
  await pass(queue, 1);
  await store.current()?.service.registerService({
    name: service,
    regions: ['east', 'west'],
    active: 'east',
  });
  for (const site of world.sites) {
    site.server.start();
    site.startGuard();
  }
  const sides = {
    east: driven(databaseFor(operator, network, world.east)),
    west: driven(databaseFor(operator, network, world.west)),
  };
  const until = async (holds: () => Promise<boolean>) => {
    while (!(await holds().catch(() => false))) await pass(queue, 10);
  };
  await until(async () => {
    const [east, west] = [await sides.east.status(), await sides.west.status()];
    const open = east.closed === null && world.east.server.takesWrites;
    return open && west.streaming && east.peer?.confirmed === true && west.peer?.confirmed === true;
  });
  let key = 0;
  return {
    ...sides,
    write: async (region) => {
      const { server } = world[region];
      try {
        const session = server.connect();
        const input = { key: ++key, event: null, tookMs: 1 };
        await driven({ write: () => server.write(session, input) }).write();
        server.endSession(session);
        return true;
      } catch (error) {
        if (error instanceof SqlError) return false;
        throw error;
      }
    },
    separate: async () => {
      const { server } = world.west;
      await until(async () => server.position() === world.east.server.position());
      server.upstream = null;
    },
    restart: async (region) => {
      world[region].guardProcess?.kill();
      await until(async () => world[region].guardProcess?.alive === true);
    },
    lose: async (region) => network.cut('ops1', region),
    until,
    end: async () => {},
  };
}

databaseSideConformance('the sides of the simulation', open);
