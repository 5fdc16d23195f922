import { defineErrors } from '../../kernel/kernel.ts';

export const canaryErrors = defineErrors({
  'canary-listen-failed': {
    disposition: 'stop',
    notLost: 'Nothing was started; no production record is served here.',
    remedy:
      'See who has the address and port that are named, and whether this user may listen there: port 53 takes root or CAP_NET_BIND_SERVICE.',
  },
});
