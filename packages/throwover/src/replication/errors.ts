import { defineErrors } from '../kernel/kernel.ts';

export const replicationErrors = defineErrors({
  'standby-not-ready': {
    disposition: 'wait',
    notLost: 'Nothing was changed; the active region goes on as it was.',
    remedy:
      '`throwover check` says what the standby lacks. Attach it (`throwover rejoin`), wait until it streams, then plan again.',
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
      'Another run or a person promoted this database later. Do not resume this run. If `throwover runs` shows it as open, end it: `throwover abort RUN --reason TEXT`.',
  },
  'promotion-under-way': {
    disposition: 'retry',
    notLost:
      'The guard wrote the promotion down before it began, and brings it to its end by itself.',
    remedy:
      'Wait. If it stays so, look at that database and its guard: a promotion needs both to run. Then resume the run.',
  },
  'promoted-by-hand': {
    disposition: 'stop',
    notLost: 'What the run had changed is taken back; both databases stay as they are.',
    remedy:
      'A person promoted this database during the run, and its guard has adopted that. `throwover check` shows which side is active; then `throwover rejoin` reattaches the other one.',
  },
  'configuration-differs': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Make the settings that are named alike on both sides, or accept the difference with `--override different-configuration`.',
  },
  'writers-pass-the-fence': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      "Stop what is named for the time of the switch (pause the job, disable the subscription, end the prepared transaction), or add its role to the guard's `applicationRoles`. Or answer for it with `--override other-writers`: what it writes past the fence is not in the new region.",
  },
  'application-role-missing': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      "Correct `applicationRoles` in the guard's configuration: the guard refuses a fence if a role is missing.",
  },
  'opening-unproved': {
    disposition: 'page',
    notLost: 'The old side stays closed, so that two regions cannot take writes.',
    remedy:
      'Restore the connection to the guard that is named, then `throwover resume RUN`: it asks again. See docs/cli.md, "A region that is closed to writes".',
  },
  'promotion-accepted': {
    disposition: 'page',
    notLost: 'The old side stays closed, so that two regions cannot take writes.',
    remedy:
      'The new region takes writes, or is about to: `throwover resume RUN`. To go back, switch over again later.',
  },
  'fence-not-possible': {
    disposition: 'wait',
    notLost: 'Nothing was promoted.',
    remedy:
      'Shut the old region down by other means, or restore the connection to its guard and start its PostgreSQL. Only if you can do neither, accept the risk of two writers with `--override two-writers`.',
  },
  'loss-above-bound': {
    disposition: 'wait',
    notLost: 'Nothing was promoted.',
    remedy:
      'Restore the connection to the old region if you can; then its writes are not lost. If it is gone, plan a failover and accept the loss that it shows: `throwover failover --to REGION --override loss-above-bound`.',
  },
  'nothing-to-follow': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Only a region that was promoted can be followed by the one before it. Build this standby as PostgreSQL documents it, then `throwover check`.',
  },
  'failback-locked': {
    disposition: 'wait',
    notLost: 'Nothing was changed.',
    remedy:
      'Going home after a failover is a decision of its own: `throwover rejoin`, read `throwover losses`, then `throwover failback`.',
  },
  'not-home': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy: 'Use `throwover switchover`, or name the region as `home:` in throwover.yaml.',
  },
  'losses-unresolved': {
    disposition: 'wait',
    notLost: 'Nothing was changed; the ledger is in the store.',
    remedy:
      'Read them with `throwover losses` and say of each what became of it: `throwover losses resolve ID --note TEXT`.',
  },
  'control-plane-in-lost-region': {
    disposition: 'wait',
    notLost: 'Nothing was changed.',
    remedy:
      'If there is time, move what is named to another place. If not, accept that it may vanish during the run, and that the run then stops: `--override control-plane-in-lost-region`.',
  },
  'ledger-unavailable': {
    disposition: 'stop',
    notLost:
      'The returned side stands as it was found, closed; its data directory still holds what it had committed.',
    remedy:
      'Copy its data directory away if you want to read it by hand. In a rejoin: plan it again and accept it with `--override without-ledger`. At the end of a switchover: rebuild that side as a standby of the new primary with `pg_basebackup`, then `throwover resume RUN` finds it attached. To have a ledger next time: wal_level=logical and max_slot_wal_keep_size on both sides.',
  },
});
