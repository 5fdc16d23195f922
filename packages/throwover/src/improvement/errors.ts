import { defineErrors } from '../kernel/kernel.ts';

export const improvementErrors = defineErrors({
  'no-such-metric': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was recorded.',
    remedy:
      'Name one of the metrics that are listed; `throwover baseline list` shows what was captured.',
  },
  'baseline-exists': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded; the baseline stands as it was captured.',
    remedy: 'A baseline is never replaced: capture this one under another name.',
  },
  'baseline-empty': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded.',
    remedy:
      'Choose a window in which the metric was sampled (--weeks), or make samples with the command that is named.',
  },
  'no-such-baseline': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was recorded.',
    remedy:
      'Capture one before anything is changed: `throwover baseline capture NAME --metric METRIC`.',
  },
  'baseline-differs': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was recorded.',
    remedy: 'Give --baseline one of this metric: `throwover baseline list`.',
  },
  'trade-off-missing': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded.',
    remedy:
      'Say what the change costs, with a number. With `change new`: `--trade-off "latency=3 ms: a second lookup"`; with `change review`: `--cost` in the same form. Kinds: latency, money, complexity, time.',
  },
  'effect-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was recorded.',
    remedy: 'Say how much the metric shall change for the better, such as `--expect=-20%`.',
  },
  'too-few-samples': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded.',
    remedy:
      'Take the leading metric that is named, or say with --drills how many drills will be held before the review.',
  },
  'owner-not-on-call': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was recorded.',
    remedy: 'Name somebody of `onCall` in throwover.yaml; say who you are with --as.',
  },
  'change-exists': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded; the change of that name stands.',
    remedy: 'Choose another name; `throwover change list` shows those that are taken.',
  },
  'no-such-change': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was recorded.',
    remedy: 'See `throwover change list`.',
  },
  'change-not-ready': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded; the change is a draft as before.',
    remedy: 'Add what is missing with `throwover change amend NAME`, then ship it.',
  },
  'change-state-wrong': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded.',
    remedy: '`throwover change show NAME` shows its state.',
  },
  'review-not-due': {
    disposition: 'wait',
    exit: 'refused',
    notLost: 'Nothing was recorded.',
    remedy:
      'Wait until its review opens. `throwover change review NAME` shows the figures so far. If the change was taken back meanwhile, record that: `throwover change retire NAME --reason TEXT`.',
  },
  'not-the-owner': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded.',
    remedy:
      'Only the owner decides: ask the owner to run this command, or say with --as that you are the owner.',
  },
  'kept-without-evidence': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was recorded; the review stays open.',
    remedy:
      'Extend it (`--verdict extended`), take it back (`--verdict reverted`), or keep it with --reason; it is then shown as kept without evidence.',
  },
  'week-sent-nowhere': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was sent.',
    remedy:
      'Declare week.github in throwover.yaml, or a webhook or e-mail under notify with the event "week".',
  },
  'tracker-refused': {
    disposition: 'stop',
    notLost: 'What was written to the tracker stands; nothing else was changed.',
    remedy:
      'See that week.github.repository is right and that its token may read and write issues there, then type `throwover week --send` again: it goes on where it stopped.',
  },
  'tracker-limited': {
    disposition: 'wait',
    exit: 'away',
    notLost: 'What was written to the tracker stands; nothing else was changed.',
    remedy: 'Send again at the time that is named: it goes on where it stopped.',
  },
  'tracker-away': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost: 'What was written to the tracker stands; nothing else was changed.',
    remedy: 'Send again later: it goes on where it stopped.',
  },
});
