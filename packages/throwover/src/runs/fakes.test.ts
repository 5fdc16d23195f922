import { setImmediate } from 'node:timers/promises';
import { databaseSideConformance } from '../authority/conformance.ts';
import type { DatabaseSide } from '../authority/database-side.ts';
import { dnsConformance } from '../traffic/conformance.ts';
import { doorConformance } from '../traffic/conformance-door.ts';
import { gatewayConformance } from '../webhooks/conformance.ts';
import { type FakeSide, World } from './runs.fixture.ts';

doorConformance(
  'the door of the tests of runs',
  async () => {
    const { clock, doors, east } = new World();
    return {
      door: doors.east,
      advance: (ms) => clock.advance(ms),
      restart: async () => {},
      lose: async () => {
        east.away = true;
      },
      end: async () => {},
    };
  },
  { 'a restart ends a hold, and keeps its epoch and token (A5)': 'it has no process to restart' },
);

const noEvents = 'it has no events';
gatewayConformance(
  'the gateway of the tests of runs',
  async () => {
    const { clock, gateways, east } = new World();
    const [gateway] = gateways;
    if (gateway === undefined) throw new Error('no gateway');
    return {
      gateway,
      urls: { east: 'http://east', west: 'http://west' },
      accept: async () => {},
      effects: { east: [], west: [] },
      position: '',
      blockUntil: () => {},
      until: async (holds) => {
        if (!(await holds())) throw new Error('nothing happens here');
      },
      wallMs: () => clock.wallMs(),
      restart: async () => {},
      lose: async () => {
        east.away = true;
      },
      end: async () => {},
    };
  },
  {
    'accepts and delivers where it was told to': noEvents,
    'an event that comes twice is accepted once': noEvents,
    'while it holds it accepts and delivers nothing; then the new region gets everything': noEvents,
    'no delivery is in flight when a hold has answered': noEvents,
    'delivers again what was answered beyond a position of the same timeline': noEvents,
    'delivers again what was delivered from a time on': noEvents,
    'delivers nothing again that was delivered in a newer epoch, nor without time and position':
      noEvents,
    'the same redelivery again is done, and says the same number, also after a restart': noEvents,
    'a restart keeps the mode, the newest epoch and token, and every accepted event (A3, A5)':
      noEvents,
  },
);

dnsConformance(
  'the DNS of the tests of runs',
  async () => {
    const world = new World();
    return {
      open: () => ({ ...world.dns, adopt: () => world.dns.read() }),
      east: world.record.values,
      west: ['192.0.2.2'],
      tamper: async () => {
        world.record = { ...world.record, values: ['192.0.2.9'] };
      },
      ask: async () => {
        await setImmediate();
        return world.record.values;
      },
      stop: async () => {},
    };
  },
  {
    'a record is foreign until it is adopted, and adopting again changes nothing':
      'its record is adopted from the beginning',
    'a server that is gone is unreachable, and nothing is said to be done': 'it has no server',
  },
);

databaseSideConformance(
  'the sides of the tests of runs',
  async () => {
    const { clock, east, west } = new World();
    const driven = (side: FakeSide): DatabaseSide =>
      new Proxy(side, {
        get: (target, name) => {
          const part: unknown = Reflect.get(target, name);
          if (typeof part !== 'function') return part;
          return (...given: unknown[]) => clock.until(Reflect.apply(part, target, given));
        },
      });
    return {
      east: driven(east),
      west: driven(west),
      write: async (region) => {
        const side = region === 'east' ? east : west;
        if (side.role !== 'primary' || side.closed !== null) return false;
        side.bytes += 10;
        if (west.streaming && west.role === 'standby') west.bytes = east.bytes;
        return true;
      },
      separate: async () => {
        west.streaming = false;
      },
      restart: async () => {},
      lose: async (region) => {
        (region === 'east' ? east : west).guardAway = true;
      },
      until: async (holds) => {
        for (let looks = 0; !(await holds()); looks += 1) {
          if (looks > 100) throw new Error('nothing happens here');
          await clock.advance(100);
        }
      },
      end: async () => {},
    };
  },
  {
    'unsent shows the rows that the standby does not have, and consumes nothing': 'it has no rows',
    'a fence ends by itself when the peer has given its token up': 'it watches no deadline',
    'lost writes are salvaged page by page, and kept until their reader has agreed':
      'it has no rows',
  },
);
