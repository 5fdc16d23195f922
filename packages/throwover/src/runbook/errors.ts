import { defineErrors } from '../kernel/kernel.ts';

export const runbookErrors = defineErrors({
  'guard-no-answer': {
    disposition: 'wait',
    notLost: 'Nothing was changed.',
    remedy:
      'A part that this check reads does not respond: `throwover check` names it. Repair it, then plan again.',
  },
  'plan-refused': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy:
      'Fix each item listed above, then plan again. Or accept an item by its name with `--override NAME`.',
  },
  'override-unknown': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Give only the overrides that `throwover plan` lists; the plan needs no other.',
  },
  'digest-mismatch': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy:
      'The plan has changed since it was approved: read `throwover plan` again and approve the digest that it shows now.',
  },
  'steps-differ': {
    disposition: 'page',
    exit: 'refused',
    notLost: 'Nothing was changed by this controller; the run stays open.',
    remedy:
      'Resume with the throwover version and the throwover.yaml that the run’s plan was made with.',
  },
  'step-timed-out': {
    disposition: 'page',
    notLost: 'The step’s intent is in the journal; what it reached is observed again on resume.',
    remedy:
      '`throwover show RUN` shows the last observation. Fix that part of the service, then `throwover resume RUN`.',
  },
  'step-threw': {
    disposition: 'stop',
    notLost: 'The step’s intent is in the journal; what it reached is observed again on resume.',
    remedy: 'This is a bug in the step: report it with the output of `throwover show RUN`.',
  },
  'act-unsettled': {
    disposition: 'page',
    exit: 'interrupted',
    notLost: 'The journal names the step; the run stays open.',
    remedy:
      '`throwover resume RUN` once nothing of this controller runs any more: it goes on with a newer token.',
  },
  'stop-requested': {
    disposition: 'stop',
    exit: 'undone',
    notLost: 'What the run had changed was taken back.',
    remedy: 'Plan again when you are ready.',
  },
  'run-halted': {
    disposition: 'stop',
    exit: 'undone',
    notLost: 'What the run had changed was taken back.',
    remedy:
      'Automation was halted by the person and for the reason named above. `throwover halt --off` when that has passed; then plan again.',
  },
  'run-aborted': {
    disposition: 'stop',
    exit: 'undone',
    notLost: 'What the run had changed was taken back.',
    remedy: 'Plan again when you are ready.',
  },
  'no-way-back': {
    disposition: 'stop',
    exit: 'interrupted',
    notLost: 'The new region’s promotion stands; the run is open and goes forward only.',
    remedy:
      '`throwover resume RUN` if nobody carries it on. To go back: a run of its own, planned when this one has ended.',
  },
  'turn-back-unknown': {
    disposition: 'page',
    exit: 'interrupted',
    notLost:
      'Nothing was undone, and nothing goes forward: nobody knows whether the promotion that was asked for has happened.',
    remedy:
      'Bring the guard of the new region within reach, then type `throwover abort RUN --reason TEXT` again: its answer decides.',
  },
  'turned-back': {
    disposition: 'stop',
    notLost: 'The step did not happen, and cannot happen later.',
    remedy: 'Nothing: this record says why the run could be undone or replanned.',
  },
  'replan-differs': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed; the run goes on as it was.',
    remedy: 'Plan for the regions of the run that is open, or end that run first.',
  },
  'claim-timed-out': {
    disposition: 'retry',
    exit: 'interrupted',
    notLost: 'Nothing was done by this controller; the run stays open.',
    remedy:
      'See with `throwover check` which part does not answer, then `throwover resume RUN` again.',
  },
  'second-is-first': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy: 'Have another person read the plan, and give that person’s name.',
  },
  'never-mandated': {
    disposition: 'stop',
    exit: 'undone',
    notLost: 'Nothing was changed.',
    remedy: 'Plan again, and approve the plan.',
  },
  'undo-failed': {
    disposition: 'page',
    exit: 'interrupted',
    notLost:
      'The run stays open, so that what is still changed is not forgotten. All other steps were taken back, apart from own steps that came before this one.',
    remedy:
      'Fix what the error names, then run `throwover resume RUN`: it continues the undo. If you cannot fix it now, `throwover abort RUN --reason TEXT --leave STEP` ends the run and leaves that one step as it is.',
  },
  'step-not-owed': {
    disposition: 'stop',
    notLost: 'Nothing was changed; the run goes on as it was.',
    remedy: 'Give --leave only steps that are named above, or leave it out.',
  },
  'run-left-open': {
    disposition: 'page',
    exit: 'interrupted',
    notLost:
      'The journal says how far the run came; it is past its point of no return and can only go forward.',
    remedy: 'Fix what the error names, then `throwover resume RUN`.',
  },
  'run-left': {
    disposition: 'page',
    exit: 'interrupted',
    notLost: 'The journal says how far the run came; it stays open.',
    remedy:
      'Decide whether the run goes on: `throwover resume RUN`; or back, if nothing was promoted: `throwover abort RUN --reason TEXT`.',
  },
  'lease-expired': {
    disposition: 'page',
    exit: 'interrupted',
    notLost: 'The journal says how far the run came; it stays open.',
    remedy: 'See that `throwover serve` answers, then `throwover resume RUN`.',
  },
  'runbook-not-printed': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'Give --check a file that `throwover runbook` has printed, with its first line as it was.',
  },
  'runbook-drifted': {
    disposition: 'stop',
    notLost: 'Nothing was changed; the file is as it was.',
    remedy:
      'Print it anew with `throwover runbook`, and put it where the old one lies: in each region, and with those on call.',
  },
});
