import { type GatewayUnderTest, gatewayConformance } from '../../webhooks/conformance.ts';
import { portsFor } from '../control/ports.ts';
import { drivenBy, pass, quietWorld } from '../ports.fixture.ts';

async function open(): Promise<GatewayUnderTest> {
  const { world, operator } = quietWorld();
  const { queue, east } = world;
  const { gateways } = portsFor(operator, world, { from: 'east', to: 'west' });
  const gateway = gateways.find(({ region }) => region === 'east');
  if (gateway === undefined) throw new Error('east has no gateway');
  const effects = { east: [] as string[], west: [] as string[] };
  let blocked = async () => true;
  const subject: GatewayUnderTest = {
    gateway: drivenBy(queue)(gateway),
    // Its modes carry a URL, and it delivers by the region's name.
    urls: { east: '', west: '' },
    accept: async (id) => east.gateway.accept(id),
    effects,
    position: '',
    blockUntil: (holds) => {
      blocked = holds;
    },
    until: async (holds) => {
      while (!(await holds())) await pass(queue, 10);
    },
    wallMs: () => east.machine.wallMs(),
    restart: async () => {
      east.lose();
      east.bringBack();
    },
    lose: async () => east.lose(),
    end: async () => {},
  };
  east.gateway.deliver = async (region, event) => {
    while (!(await blocked())) await operator.clock.sleep(10);
    effects[region as 'east' | 'west'].push(event);
    return subject.position;
  };
  return subject;
}

gatewayConformance('the gateway of the simulation', open);
