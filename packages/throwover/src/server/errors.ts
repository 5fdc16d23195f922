import { defineErrors } from '../kernel/kernel.ts';

export const serverErrors = defineErrors({
  'port-taken': {
    disposition: 'stop',
    notLost: 'Nothing was changed; the process that has the port goes on.',
    remedy: 'End the process that listens there (`ss -ltnp`), or choose another with --port.',
  },
  'listen-failed': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy: 'Give an address of this machine with --host, and a port that this user may open.',
  },
});
