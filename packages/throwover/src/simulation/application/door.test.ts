import { type DoorUnderTest, doorConformance } from '../../traffic/conformance-door.ts';
import { portsFor } from '../control/ports.ts';
import { drivenBy, pass, quietWorld } from '../ports.fixture.ts';

async function open(): Promise<DoorUnderTest> {
  const { world, operator } = quietWorld();
  const { queue, east } = world;
  const ports = portsFor(operator, world, { from: 'east', to: 'west' });
  return {
    door: drivenBy(queue)(ports.from.door),
    advance: (ms) => pass(queue, ms),
    restart: async () => {
      east.lose();
      east.bringBack();
    },
    lose: async () => east.lose(),
    end: async () => {},
  };
}

doorConformance('the door of the simulation', open);
