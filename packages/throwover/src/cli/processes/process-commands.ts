import { Argument, Option } from 'commander';
import { type CommandSpec, listening } from '../command.ts';
import { again, mandatory, port } from '../options.ts';
import { edge, gateway, guard, guardAcceptCluster, guardPreStart, serve } from './processes.ts';

const configuration = () => mandatory(new Option('--config <file>', 'Configuration file (JSON)'));

interface Configured {
  readonly config: string;
}

/** Commands that listen until they are told to end. */
export const processCommands: readonly CommandSpec[] = [
  listening({
    name: 'serve',
    says: 'Start the store of epochs, leases and journals; run it outside both regions',
    takes: () => [
      mandatory(new Option('--data <directory>', 'Directory of the store')),
      new Option('--host <address>', 'Address to listen on').default('127.0.0.1'),
      new Option('--port <port>', 'Port to listen on; 0 takes a free one')
        .argParser(port)
        .default(7610),
      new Option(
        '--identity <file>',
        'Its certificate: JSON with certificate, key, trust and revocations (docs/certificates.md)',
      ),
      new Option(
        '--insecure',
        'Listen beyond loopback without a certificate; `check` is not green then',
      ),
      again(
        '--service <file>',
        'Also watch the service of this throwover.yaml: sample replication, resume abandoned runs, fail over under a standing approval (repeatable)',
      ),
    ],
    run: serve,
  }),
  listening({
    name: 'guard',
    says: 'Start the guard: the process beside a database that decides whether it takes writes',
    takes: () => [
      configuration(),
      new Option(
        '--pre-start',
        'Add lines at the top of pg_hba.conf that refuse the application, and exit (for ExecStartPre of PostgreSQL)',
      ),
    ],
    run: (terminal, { config, preStart }: Configured & { preStart?: boolean }) =>
      preStart === true ? guardPreStart(terminal, config) : guard(terminal, config),
  }),
  listening({
    name: 'guard accept-cluster',
    says: 'Accept the data of the PostgreSQL on this host as the right one, while the other region cannot confirm it',
    takes: () => [
      new Argument(
        '<identifier>',
        'System identifier that the database has now; `throwover check` shows it',
      ),
      // Only for `--help`: commander gives the value to `guard`, which requires the option.
      new Option('--config <file>', 'Configuration file of the guard (JSON) (required)'),
      mandatory(new Option('--by <name>', 'Your name; the guard stores it with the time')),
    ],
    run: guardAcceptCluster,
  }),
  listening({
    name: 'gateway',
    says: 'Start the webhook gateway of a region: accepts webhooks, stores them, delivers them',
    takes: () => [configuration()],
    run: (terminal, { config }: Configured) => gateway(terminal, config),
  }),
  listening({
    name: 'edge',
    says: 'Start the front door of a region: serves, holds or forwards requests',
    takes: () => [configuration()],
    run: (terminal, { config }: Configured) => edge(terminal, config),
  }),
];
