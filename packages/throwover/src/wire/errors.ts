import { defineErrors } from '../kernel/kernel.ts';

export const wireErrors = defineErrors({
  'process-busy': {
    disposition: 'retry',
    exit: 'away',
    notLost: 'The call was not read, so nothing was changed.',
    remedy:
      'Nothing, if it passes. If it lasts, see who sends large calls to this port (`ss -tnp`), and let only the machines of this service reach it.',
  },
  'call-from-a-page': {
    disposition: 'stop',
    notLost: 'The call was not read, so nothing was changed.',
    remedy:
      'No web page may call this port: a call with an `Origin` header is refused. Use the command line, or a program that sends no such header. If nobody meant to call it, somebody opened a page that tried.',
  },
});
