import { defineErrors } from '../kernel/kernel.ts';

export const cliErrors = defineErrors({
  'node-too-old': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Install Node 22.18 or newer, or in a clone use `npx throwover`, which finds its own.',
  },
  'usage-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'See `throwover --help`, or `throwover COMMAND --help`.',
  },
  'process-config-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Give --config a JSON file that this user may read.',
  },
  'parts-away': {
    disposition: 'retry',
    exit: 'away',
    notLost: 'Nothing was changed. A part that does not respond may still be running.',
    remedy: 'Check the parts named above, then run `throwover check` again.',
  },
  'parts-unhealthy': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy: 'Fix the parts named above; each has its own error. Then run `throwover check` again.',
  },
  'not-confirmed': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy:
      'Type exactly what is asked for; or, in a script, give --yes with the digest of the plan.',
  },
  'evidence-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed; the journal is in the store.',
    remedy:
      '`throwover report RUN --evidence FILE` needs the JSON file that was recorded for this run. Without `--evidence` the report is made from the journal alone.',
  },
  'second-needed': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy:
      'Have another person read the plan; give that name when it is asked for, or with --second NAME beside --yes DIGEST.',
  },
  'tokens-used-up': {
    disposition: 'page',
    notLost: 'Nothing was changed; the service goes on as it is, and no run can begin.',
    remedy:
      'The guards must forget the token, which only a new memory does: docs/authority.md, "A guard that has seen too much". See who reaches the guards.',
  },
  'run-went-on': {
    disposition: 'page',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy:
      'The store was put back from a backup, and its open run has ended elsewhere. Wait one lease: the guard of the active region tells the store the newer epoch. Then `throwover renumber` again, and end the old run with `throwover abort RUN --reason TEXT`. If the epoch stays behind, see that this guard reaches the store.',
  },
  'no-open-run': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'See which runs there are with `throwover runs`.',
  },
});
