import { systemClock } from '../kernel/kernel.ts';
import { recordLogConformance } from './conformance.ts';
import { memoryRecordLog } from './record-log.fixture.ts';

recordLogConformance(
  'the log in memory',
  async () => {
    const of = (service: string) => memoryRecordLog(service, systemClock);
    let log = of('checkout');
    return {
      get log() {
        return log;
      },
      other: of,
      restart: async () => {
        log = of('checkout');
      },
      lose: async () => {},
      end: async () => {},
    };
  },
  {
    'records outlive the process that keeps them': 'it is in memory',
    'a log that is gone is away, for reading and for appending': 'it is an object of its caller',
  },
);
