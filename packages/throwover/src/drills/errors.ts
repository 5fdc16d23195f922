import { defineErrors } from '../kernel/kernel.ts';

export const drillErrors = defineErrors({
  'no-drills': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Declare `drills:` in throwover.yaml; docs/drills.md shows a whole one.',
  },
  'calendar-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'Correct the calendar that is named above, in `drills` of throwover.yaml: the file or address must contain iCalendar, which begins with BEGIN:VCALENDAR.',
  },
  'calendar-away': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost: 'Nothing was changed; which days are blocked, or who is on call, is not known.',
    remedy: 'See that the calendar can be read from here, then plan again.',
  },
  'alarm-away': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost: 'Nothing was changed; whether the alarm rings is not known.',
    remedy: 'See that the Prometheus server answers the query, then start again.',
  },
  'drill-refused': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy:
      'Fix each item listed above, or wait for the window. Or accept an item by its name with `--override NAME`; that is recorded as a finding.',
  },
  'drill-open': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed; the open drill goes on.',
    remedy:
      'Let it end, or end it with `throwover drill abort --reason TEXT`; `--takeover` when nobody carries it on.',
  },
  'no-drill': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'See which there are with `throwover drill history`.',
  },
  'no-finding': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'See which there are with `throwover finding list`.',
  },
  'finding-settled': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed: what was said of it stands.',
    remedy: 'If it is there again, raise it again: `throwover finding add`.',
  },
});
