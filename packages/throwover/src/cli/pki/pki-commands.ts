import { Argument, Option } from 'commander';
import { machineRoles } from '../../access/names.ts';
import { bare, type CommandSpec, group, jsonAnswer } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { again, whole } from '../options.ts';
import type { Terminal } from '../terminal.ts';

/** Longer than two years, people forget how it was done. */
const days = () =>
  new Option('--days <count>', 'Days that the certificate is valid')
    .argParser(whole(1, 825))
    .default(90);

const common = () => [
  new Option('--dir <directory>', 'Directory of the certificate authority').default('pki'),
  jsonAnswer(),
];

type Action = keyof typeof import('./pki.ts').pkiActions;

/** ASN.1 and everything else is loaded only when one of these commands runs. */
function lazily(action: Action) {
  return async (terminal: Terminal, given: never): Promise<ExitCode> => {
    const { pkiActions } = await import('./pki.ts');
    return pkiActions[action](terminal, given);
  };
}

const which = 'Name, such as checkout/guard/east/1, or serial number of a certificate';

/** `throwover pki`: works on files alone. */
export const pkiCommands: readonly CommandSpec[] = [
  group('pki', 'Issue certificates for the machines of a service, with a private authority'),
  bare({
    name: 'pki init',
    says: 'Create a certificate authority in a directory',
    takes: () => [
      new Option(
        '--for <file>',
        'Also issue a certificate for every machine of this throwover.yaml',
      ),
      days(),
      ...common(),
    ],
    run: lazily('init'),
  }),
  bare({
    name: 'pki issue',
    says: 'Issue a certificate and a key for a machine, or for all of a service',
    takes: () => [
      new Option(
        '--for <file>',
        'Instead of one machine: every machine of this throwover.yaml that has none yet',
      ),
      new Option('--service <name>', 'Service that the machine belongs to'),
      new Option('--role <role>', 'What the machine does in it').choices([...machineRoles]),
      new Option('--region <region>', 'Its region; only for guard, agent, door and gateway'),
      new Option('--instance <name>', 'Tells machines of one role and region apart').default('1'),
      again(
        '--host <name>',
        'Host name or IP address to add, for clients that check it, such as Prometheus (repeatable)',
      ),
      days(),
      ...common(),
    ],
    run: lazily('issue'),
  }),
  bare({
    name: 'pki renew',
    says: 'Issue a new certificate and key for a name that has one',
    takes: () => [
      new Argument('[name]', which),
      new Option(
        '--all',
        'Renew every certificate that expires soon or that an older authority has issued',
      ),
      new Option('--within <days>', 'With --all: expires within this many days')
        .argParser(whole(0, 825))
        .default(30),
      days(),
      ...common(),
    ],
    run: lazily('renew'),
  }),
  bare({
    name: 'pki revoke',
    says: 'Revoke the certificates of a name, or one by its serial number; for good',
    takes: () => [new Argument('<name>', which), ...common()],
    run: lazily('revoke'),
  }),
  bare({
    name: 'pki rotate',
    says: 'Create a new authority beside the old one; --finish ends the trust in the old one',
    takes: () => [
      new Option('--finish', 'Take the old authority out of trust.pem, once nothing needs it'),
      ...common(),
    ],
    run: lazily('rotate'),
  }),
  bare({
    name: 'pki show',
    says: 'Show every certificate with its dates, or those in a file. Changes nothing',
    takes: () => [new Argument('[file]', 'File of certificates (PEM)'), ...common()],
    run: lazily('show'),
  }),
];
