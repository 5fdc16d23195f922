import { defineErrors } from '../../kernel/kernel.ts';

export const surveyErrors = defineErrors({
  'survey-no-zone': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was asked.',
    remedy:
      'Delegate a zone of its own to `throwover dns canary` and name it: `canary.zone` in throwover.yaml, or --zone.',
  },
  'survey-no-resolver': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was asked.',
    remedy:
      'This machine names no resolver (/etc/resolv.conf). Name the ones to measure with --resolver ADDRESS:PORT.',
  },
  'survey-unanswered': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost: 'What other resolvers showed was kept.',
    remedy:
      'See whether the zone is delegated (`dig NS ZONE`), whether `throwover dns canary` runs and is reached on port 53 over UDP and TCP, and whether the resolvers answer from here.',
  },
});
