import { defineErrors } from '../kernel/kernel.ts';

export const operationsErrors = defineErrors({
  'no-such-kind': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed by this controller; the run stays open.',
    remedy: 'Resume with the throwover version that the run began with.',
  },
});
