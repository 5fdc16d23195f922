import { defineErrors } from '../kernel/kernel.ts';

export const authorityErrors = defineErrors({
  'token-too-old': {
    disposition: 'stop',
    notLost: 'Nothing was changed by this command.',
    remedy:
      'Another controller took this run over or began a newer one. See `throwover runs`, and leave this one.',
  },
  'token-renounced': {
    disposition: 'stop',
    notLost: 'Nothing was promoted, and nothing will be with this token; the old side opens again.',
    remedy:
      'The fence stood longer than its deadline, or the run was taken back. The run is undone by itself; then look at why it was slow and plan anew.',
  },
  'promotion-refused': {
    disposition: 'stop',
    notLost: 'Nothing was promoted; the database goes on as it was.',
    remedy:
      'Read the reason above. The run is undone by itself; see which side is the primary with `throwover check` before the next plan.',
  },
  'proof-not-accepted': {
    disposition: 'stop',
    notLost: 'Nothing was promoted or opened.',
    remedy:
      'The proof belongs to another controller, epoch or mode. Let `throwover resume RUN` fetch a new one.',
  },
  'promise-stands': {
    disposition: 'retry',
    notLost: 'Nothing was promoted; the old side may still write under a promise of this guard.',
    remedy: 'Wait: the promise ends by itself within one lease, and no new one is given.',
  },
  'nothing-to-fence': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'This database is no primary. See which side is with `throwover check`; if somebody promoted by hand, do not fence the other side before you know which writes it took.',
  },
  'must-stay-closed': {
    disposition: 'stop',
    notLost: 'The database stays closed to the application; nothing was changed.',
    remedy:
      'Another region is active, or nobody has said yet that this one is. See `throwover check`; rejoin this side with `throwover rejoin`.',
  },
  'is-active': {
    disposition: 'stop',
    notLost: 'The database goes on as it was.',
    remedy: 'This side is the newest primary: it follows nobody. See `throwover check`.',
  },
  'timing-wrong': {
    disposition: 'stop',
    notLost: 'Nothing was started.',
    remedy:
      'Change the knobs that are named under database.timing until every line holds (docs/authority.md).',
  },
});
