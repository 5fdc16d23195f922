import { defineErrors } from '../kernel/kernel.ts';

export const replicationErrors = defineErrors({
  'standby-not-ready': {
    disposition: 'wait',
    notLost: 'Nothing was changed; the active region goes on as it was.',
    remedy:
      'Look at the standby: `throwover check` names what is missing. Attach it, wait until it streams, plan again.',
  },
  'not-the-primary': {
    disposition: 'stop',
    notLost: 'Nothing was changed by this step.',
    remedy:
      'See which side is the primary with `throwover check`; if somebody promoted by hand, do not fence the other side before you know which writes it took.',
  },
  'promoted-since': {
    disposition: 'stop',
    notLost: 'This run changed nothing after the newer promotion.',
    remedy:
      'Another run or a person promoted this database later. Look at `throwover runs` and leave this run.',
  },
  'configuration-differs': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Make the settings that are named alike on both sides, or accept the difference with `--override different-configuration`.',
  },
});
