import { defineErrors } from '../../kernel/kernel.ts';

export const postgresErrors = defineErrors({
  'database-unreachable': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost: 'Whether the command took effect is not known; it is safe to repeat.',
    remedy:
      'Look at the process beside the database (`throwover guard`), at the database itself and at the network between; then run the command again.',
  },
  'database-full': {
    disposition: 'retry',
    notLost: 'Nothing was changed, and the sessions that are there go on.',
    remedy:
      'End sessions that are not needed, or set `superuser_reserved_connections` to 3 or more and restart PostgreSQL; then run the command again. A guard that is running keeps the connections that it has.',
  },
  'peer-away': {
    disposition: 'retry',
    answered: false,
    notLost: 'Whether the other guard received the request is not known; it is safe to ask again.',
    remedy:
      "Start the other region's `throwover guard`, or repair the network between the regions. Until it answers, a fenced database stays closed, also after the fence's deadline. `throwover abort RUN --reason TEXT` opens it sooner, if nobody was asked to promote.",
  },
  'database-refused': {
    disposition: 'stop',
    notLost: 'The database goes on as it was.',
    remedy:
      'Read the reason above; see which side is the primary with `throwover check` before anything is repeated.',
  },
  'guard-call-wrong': {
    disposition: 'stop',
    notLost: 'The guard did nothing; the database goes on as it was.',
    remedy:
      'Use one version of throwover for the guard and for whatever calls it. A call that was typed: correct what the message names; `GET /openapi.json` of the guard has every call.',
  },
  'database-start-failed': {
    disposition: 'page',
    notLost: 'The data directory was not changed.',
    remedy:
      "Read PostgreSQL's own last lines above and its log; correct the cause and start it again.",
  },
  'hba-file-missing': {
    disposition: 'stop',
    notLost: 'Nothing was changed, and nothing was started.',
    remedy:
      "Start PostgreSQL once while the guard runs (it then asks the server where the file is), or give its path as postgres.hbaFile in the guard's file.",
  },
  'guard-memory-not-written': {
    disposition: 'retry',
    notLost: 'Nothing was done: a guard writes down what it must not forget before it acts.',
    remedy:
      "Make room on the disk of the guard's `stateDir`, or correct its owner; then run the command again.",
  },
  'guard-memory-damaged': {
    disposition: 'stop',
    notLost: 'Nothing was started, and PostgreSQL goes on as it is.',
    remedy:
      "The guard's file in its `stateDir` cannot be read, so the guard does not know whether its database may be open, or what it has promised. Do not use an older copy. Make sure with `throwover runs` that no run is open, stop PostgreSQL on this host, wait a minute, move the file away and start the guard: it starts PostgreSQL closed, and opens it when the store or the other guard says that it is the active one.",
  },
  'guard-config-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was started.',
    remedy: 'Correct the fields named above in the file given with --config.',
  },
  'guard-not-running': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      "Run the command on the database's own host, as the guard's user or as root, with the configuration that the guard was started with: `throwover guard --config FILE`.",
  },
  'not-on-this-host': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      "Run `throwover guard accept-cluster` on the host of the database: it reads the key in the guard's `stateDir`.",
  },
  'guard-port-taken': {
    disposition: 'stop',
    notLost: 'Nothing was started.',
    remedy: 'End the process that listens there, or choose another port under `listen`.',
  },
  'guard-listen-failed': {
    disposition: 'stop',
    notLost: 'Nothing was started; the database is as it was.',
    remedy:
      'Give an address of this machine under `listen`, and a port that the guard’s user may open; then start it again.',
  },
});
