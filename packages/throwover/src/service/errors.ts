import { defineErrors } from '../kernel/kernel.ts';

export const serviceErrors = defineErrors({
  'service-file-missing': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Name the file with --config FILE; docs/throwover-yaml.md shows a whole one.',
  },
  'service-file-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Correct the lines named above, then run `throwover check`.',
  },
  'no-such-region': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Use one of the names under `regions:` in throwover.yaml.',
  },
  'active-region-unclear': {
    disposition: 'page',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy:
      'Find out which region takes the writes; name it as `active:` in throwover.yaml, and let the others be standbys.',
  },
  'already-active': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Name another region with --to; `throwover check` shows which one is active.',
  },
  'secret-missing': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Set the environment variable, or create the file, that the reference names.',
  },
  'own-step-misplaced': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'Place the step before or after one of the names listed; `throwover plan` shows them. A name that is already used must be changed.',
  },
  'own-step-unknown': {
    disposition: 'retry',
    notLost: 'Whether the desired state holds is not known; it is looked at again.',
    remedy: 'Run the command, or call the address, of `observe` by hand and read its answer.',
  },
  'own-step-failed': {
    disposition: 'retry',
    notLost: 'The step is observed again before anything is repeated.',
    remedy:
      'Read the output in `throwover show RUN`; correct the cause, then `throwover resume RUN`.',
  },
  'own-check-refused': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Fix what the check reports, then plan again. Or accept it with the override that it names.',
  },
});
