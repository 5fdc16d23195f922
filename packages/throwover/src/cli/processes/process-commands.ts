import { Argument, Option } from 'commander';
import { type CommandSpec, listening } from '../command.ts';
import { again, mandatory, port } from '../options.ts';
import { edge, gateway, guard, guardAcceptCluster, guardPreStart, serve } from './processes.ts';

const configuration = () => mandatory(new Option('--config <file>', 'its configuration, JSON'));

interface Configured {
  readonly config: string;
}

/** Commands that listen until they are told to end. */
export const processCommands: readonly CommandSpec[] = [
  listening({
    name: 'serve',
    says: 'the store of epochs, leases and journals, in a third place',
    takes: () => [
      mandatory(new Option('--data <directory>', 'where the store is')),
      new Option('--host <address>', 'address to listen on').default('127.0.0.1'),
      new Option('--port <port>', 'port to listen on').argParser(port).default(7610),
      again(
        '--service <file>',
        'look after the service of this throwover.yaml: sample its replication, carry on abandoned runs; may be given again',
      ),
    ],
    run: serve,
  }),
  listening({
    name: 'guard',
    says: 'the small process beside a database',
    takes: () => [
      configuration(),
      new Option(
        '--pre-start',
        'write the closed pg_hba.conf and end: for the unit that starts PostgreSQL (ExecStartPre)',
      ),
    ],
    run: (terminal, { config, preStart }: Configured & { preStart?: boolean }) =>
      preStart === true ? guardPreStart(terminal, config) : guard(terminal, config),
  }),
  listening({
    name: 'guard accept-cluster',
    says: 'Accept the cluster of the database on this host, while the other region cannot confirm it',
    takes: () => [
      new Argument(
        '<identifier>',
        'system identifier that the database has now (`throwover check`)',
      ),
      mandatory(new Option('--by <name>', 'your name; the guard keeps it with the time')),
    ],
    run: guardAcceptCluster,
  }),
  listening({
    name: 'gateway',
    says: 'the webhook gateway of a region',
    takes: () => [configuration()],
    run: (terminal, { config }: Configured) => gateway(terminal, config),
  }),
  listening({
    name: 'edge',
    says: 'the front door of a region, before its application: serves, holds, forwards',
    takes: () => [configuration()],
    run: (terminal, { config }: Configured) => edge(terminal, config),
  }),
];
