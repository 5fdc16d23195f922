import { defineErrors } from '../kernel/kernel.ts';

export const storeErrors = defineErrors({
  'store-away': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost:
      'Every record that the store acknowledged is on its disk; the last call may or may not have happened.',
    remedy:
      'Start `throwover serve` on its host, or restore the connection to it; then `throwover runs`, and `throwover resume RUN` for a run that has not ended.',
  },
  'store-in-use': {
    disposition: 'stop',
    notLost: 'Nothing was changed; the process that has the store goes on.',
    remedy: 'Use the `throwover serve` that is running already, or end it, or name another --data.',
  },
  'store-unusable': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Look at the path that is named: it must be a directory that this user may write to, with a store or nothing in it.',
  },
  'store-too-new': {
    disposition: 'stop',
    notLost: 'Nothing was changed; the store was not touched.',
    remedy: 'Run the newer throwover that wrote this store.',
  },
  'store-disk-full': {
    disposition: 'wait',
    notLost: 'Every record that was acknowledged is on disk; nothing of this one was kept.',
    remedy: 'Free space on the disk of --data, then `throwover resume RUN`.',
  },
  'store-stopped': {
    disposition: 'page',
    notLost: 'Every record that was acknowledged was on disk before the failure.',
    remedy:
      'Look at the disk of --data (full, read-only, failing?), then start `throwover serve` again and `throwover resume RUN`.',
  },
  'journal-damaged': {
    disposition: 'page',
    notLost: 'The store changed nothing; the damaged plan or journal is as it was found.',
    remedy:
      'The run that is named can neither be carried on nor taken back. If it is open (`throwover runs`), end it: `throwover abort RUN --damaged --by NAME --reason TEXT`. That keeps the damaged rows, opens what it can prove to be safe, names what may be half-done, and lets later runs begin. If it has ended, nothing needs to be done.',
  },
  'run-abandoned': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Its plan and journal are kept in the store as they were found.',
    remedy:
      'A person has ended this run because its plan or journal is damaged. See with `throwover check` what it left half-done; `throwover abort RUN --damaged --by NAME --reason TEXT` tries again to open what is closed.',
  },
  'run-not-damaged': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed; the run is open as it was.',
    remedy:
      'This run can be read: carry it on with `throwover resume RUN`, or take it back with `throwover abort RUN --reason TEXT`.',
  },
  'plan-wrong': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed: no run was begun, and an open run keeps the plan that it has.',
    remedy:
      'Plan again with a throwover of the same version as `throwover serve`. If nobody of you has sent this, somebody else reaches the store: see who may.',
  },
  'store-damaged': {
    disposition: 'page',
    notLost: 'The store changed nothing; the damaged file is as it was found.',
    remedy:
      'Stop `throwover serve`. Move its data directory to a safe place: the journals and the ledger of losses are there. Start `throwover serve` with an empty directory. When both guards answer, type `throwover check`: it registers the service above every epoch and token that they have seen. Of a run that was open, its fence ends by itself; `check` names a gateway that still holds.',
  },
  'run-in-progress': {
    disposition: 'wait',
    exit: 'otherRun',
    notLost: 'Nothing was changed; the other run goes on.',
    remedy:
      'See it with `throwover show RUN`. Wait for its end; if its controller is gone, `throwover resume RUN`.',
  },
  'run-lost': {
    disposition: 'stop',
    exit: 'otherRun',
    notLost:
      'Everything up to the takeover is in the journal; the newer controller carries the run on.',
    remedy: 'Do not restart this controller; follow the run with `throwover show RUN`.',
  },
  'run-ended': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'The run is complete in the journal.',
    remedy: 'See how it ended with `throwover show RUN`; make a new plan for the next run.',
  },
  'epoch-moved': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy: 'The active region changed since the plan was made: plan again.',
  },
  'no-such-run': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'See which runs there are with `throwover runs`.',
  },
  'no-such-service': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy: 'Check `service:` in throwover.yaml; `throwover check` registers it with the store.',
  },
  'no-such-service-region': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy: 'Use the regions that throwover.yaml names; the active region must stay among them.',
  },
  halted: {
    disposition: 'wait',
    exit: 'refused',
    notLost:
      'Nothing was changed. An open run that a person resumes is undone before its promotion, and finished after it.',
    remedy:
      'The person who is named has set the kill switch: no run begins, yours included. Ask that person, then `throwover halt --off`, and type your command again.',
  },
  'lease-too-long': {
    disposition: 'stop',
    notLost: 'Nothing was changed; a lease that was granted before goes on to its end.',
    remedy: 'Give the writer a shorter lease in throwover.yaml.',
  },
  'writer-stopped': {
    disposition: 'wait',
    notLost: 'Nothing acknowledged: commits go on waiting for the standby.',
    remedy:
      'Wait for the end of the failover, which `throwover runs` shows: either the other region is promoted, or this region is allowed to write on. If nobody carries the run on, use `throwover resume` or `throwover abort`.',
  },
  'writer-restored': {
    disposition: 'stop',
    notLost: 'The active region goes on writing.',
    remedy: 'This run has given the writer back: let it end, and plan again.',
  },
  'no-such-loss': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: '`throwover losses` lists the ids; use one of them.',
  },
  'ledger-full': {
    disposition: 'page',
    notLost:
      'Every entry that was acknowledged is in the ledger; the rest is in the old database as long as its replication slot exists.',
    remedy:
      'Too much was lost to list it all. Do not attach or delete the old database, and do not drop its replication slot. Compare the tables of the two databases by hand. The run may be open: `throwover runs`.',
  },
  'seq-conflict': {
    disposition: 'stop',
    notLost: 'The journal is as it was; nothing of this record was kept.',
    remedy:
      'Two writers or a repeated number: `throwover resume RUN` reads the journal and goes on from its end.',
  },
  'record-too-large': {
    disposition: 'stop',
    notLost: 'The journal is as it was; nothing of this record was kept.',
    remedy:
      'The message says what was too large. If it is the evidence of a step of your own, let the step print less. A lost write that is too large is still in the old database. Anything else is a bug: report it with `throwover show RUN`.',
  },
  'journal-full': {
    disposition: 'page',
    notLost: 'Everything up to here is in the journal.',
    remedy:
      'The run was resumed far too often: see with `throwover show RUN` which step never holds.',
  },
  'bad-request': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Use a throwover of the same version as `throwover serve`.',
  },
});
