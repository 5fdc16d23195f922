import { defineErrors } from '../kernel/kernel.ts';

/** The error of a part that did not answer: the same call may succeed later. */
const noAnswer = { disposition: 'retry', notLost: '', remedy: '' } as const;

/** The answer of a part that refuses a call. */
const refusal = { disposition: 'stop', notLost: '', remedy: '' } as const;

/** The errors of the models, with the codes of the real parts. No person reads their texts. */
export const modelErrors = defineErrors({
  'already-active': refusal,
  'database-refused': refusal,
  'database-unreachable': noAnswer,
  'disk-full': { disposition: 'wait', notLost: '', remedy: '' },
  'dns-empty-answer': refusal,
  'dns-lost-race': refusal,
  'dns-unreachable': noAnswer,
  'door-refused': refusal,
  'door-unreachable': noAnswer,
  'gateway-refused': refusal,
  'gateway-unreachable': noAnswer,
  'no-such-region': refusal,
  'not-consented': refusal,
  'peer-away': noAnswer,
  'store-away': noAnswer,
  'unread-writes': refusal,
});
