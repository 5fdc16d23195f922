import { defineErrors } from '../kernel/kernel.ts';

export const authorityErrors = defineErrors({
  'token-too-old': {
    disposition: 'stop',
    notLost: 'Nothing was changed by this command.',
    remedy:
      "Another controller took this run over or began a newer one. See `throwover runs`, and leave this one. If there is none, `throwover check` says whether the guard has seen a higher token than the store gives, and names the way back. If another run has the same token, two stores speak for this service: compare `store` in throwover.yaml with the guard's configuration.",
  },
  'other-service': {
    disposition: 'stop',
    notLost: 'Nothing was changed: the guard refuses before it does anything.',
    remedy:
      "The address leads to the guard of another service. Compare `database.guard` in throwover.yaml, and `peer.guard` in the guards' configurations, with `service` and `listen` there; then run `throwover check`.",
  },
  'other-regions': {
    disposition: 'stop',
    notLost: 'Nothing was changed: the guard refuses before it does anything.',
    remedy:
      "A guard works with one other region. Compare `database.guard` in throwover.yaml with `region`, `listen` and `peer` in both guards' configurations; correct the one that differs, restart that guard, then run `throwover check`.",
  },
  'guard-without-peer': {
    disposition: 'stop',
    notLost: 'Nothing was changed: the guard refuses before it does anything.',
    remedy:
      "Add `peer` (the other region and the URL of its guard) to this guard's configuration, restart the guard, then run `throwover check`.",
  },
  'guard-of-another-pair': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      "Compare `regions.R.database.guard` in throwover.yaml with `service`, `region`, `listen` and `peer` in the guards' configurations. Correct what differs, restart the guard whose file was corrected, then run `throwover check`.",
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
      'Read the reason above. If `throwover runs` shows the run as open, take it back: `throwover abort RUN --reason TEXT`. Then see with `throwover check` which side is the primary.',
  },
  'proof-not-accepted': {
    disposition: 'stop',
    notLost: 'Nothing was promoted or opened.',
    remedy:
      'The proof belongs to another controller, region, epoch or mode. Run `throwover check`; then let `throwover resume RUN` fetch a new one.',
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
      'This database is not a primary, so it takes no writes. `throwover check` shows which side is the primary. If somebody promoted the other side by hand, begin no run before you know which writes it took.',
  },
  'must-stay-closed': {
    disposition: 'stop',
    notLost: 'The database stays closed to the application; nothing was changed.',
    remedy:
      'Another region is active, or is about to be. See `throwover check`; rejoin this side with `throwover rejoin`.',
  },
  'is-active': {
    disposition: 'stop',
    notLost: 'The database goes on as it was.',
    remedy: 'This side is the newest primary: it follows nobody. See `throwover check`.',
  },
  'unread-writes': {
    disposition: 'stop',
    notLost: 'Everything in its log: nothing of it was thrown away.',
    remedy:
      'If a run is open, `throwover resume RUN`; otherwise `throwover rejoin`. Both write down what this side alone has committed before it is attached.',
  },
  'cluster-different': {
    disposition: 'stop',
    notLost:
      'Nothing was promoted, attached or copied; both databases and all of their files stay as they are.',
    remedy:
      'See `throwover check` for which side has the data of this service. Copy the data directory of the other side away if anybody may need it, then rebuild that side with `pg_basebackup` from the right primary. When an identifier was meant to change (pg_upgrade, restore), finish that on both sides: both guards agree again once the standby streams. With one side gone, run `throwover guard accept-cluster` on the host that is left.',
  },
  'cluster-unknown': {
    disposition: 'wait',
    notLost: 'Nothing was promoted; the database goes on as it was.',
    remedy:
      'Let both guards answer while the standby streams from the primary: they agree within a second, and keep it. Only if the other side is gone: compare `throwover check` with what you know of the data, then plan the failover with `--override cluster-identity-unknown`.',
  },
  'cluster-not-accepted': {
    disposition: 'stop',
    notLost: 'Nothing was changed; the guard keeps what it had.',
    remedy:
      'End an open run first (`throwover runs`, `throwover abort RUN --reason TEXT`). Name the identifier that the database has now, which `throwover check` shows. While both guards answer, repair the wrong side instead.',
  },
  'active-takes-no-writes': {
    disposition: 'stop',
    notLost:
      'Nothing that was acknowledged is lost. No region takes writes now; the run stays open and can be resumed.',
    remedy:
      "See `throwover check` and the log of the active region's `throwover guard`, which opens the database again in each round when it can. Correct the cause that is named above, then `throwover resume RUN`.",
  },
  'timing-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was started.',
    remedy:
      'Change the settings that are named, in `database.timing`, `database.fenceDeadline` or `database.drain`, until every line holds (docs/authority.md).',
  },
});
