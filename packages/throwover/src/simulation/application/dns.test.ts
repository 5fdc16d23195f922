import { setImmediate } from 'node:timers/promises';
import { dnsConformance } from '../../traffic/conformance.ts';
import { drivenBy, quietWorld } from '../ports.fixture.ts';

dnsConformance(
  'the DNS of the simulation',
  async () => {
    const { world, operator } = quietWorld();
    const { dns, queue } = world;
    const driven = drivenBy(queue);
    return {
      open: () => {
        const provider = dns.from(operator);
        return driven({ ...provider, adopt: () => provider.read() });
      },
      east: ['east'],
      west: ['west'],
      tamper: async () => {
        dns.record = { ...dns.record, values: ['elsewhere'] };
      },
      ask: async () => {
        await setImmediate();
        return dns.record.values;
      },
      stop: async () => {
        dns.failing = 1;
      },
    };
  },
  {
    'a record is foreign until it is adopted, and adopting again changes nothing':
      'its record is adopted from the beginning',
  },
);
