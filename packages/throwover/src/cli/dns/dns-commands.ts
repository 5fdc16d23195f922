import { type Command, InvalidArgumentError } from 'commander';
import { canarySchema, isResolver } from '../../service/service.ts';
import type { CommandContext } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { dnsCanary } from '../processes/processes.ts';
import { outputOf, type Terminal } from '../terminal.ts';
import { dnsProbeCommand, dnsSurveyCommand, durationGiven } from './dns.ts';
import { dnsTtlCommand } from './dns-ttl.ts';

/** `throwover dns ...`. */
export function dnsCommands(
  program: Command,
  at: {
    terminal: Terminal;
    common: (command: Command) => Command;
    inSession: (
      options: { config: string; json?: boolean },
      work: (context: CommandContext) => Promise<ExitCode>,
    ) => Promise<void>;
    ended: (code: ExitCode) => void;
  },
): void {
  const { terminal, common, inSession, ended } = at;
  const dns = program.command('dns').description('how the traffic would really move');
  common(dns.command('ttl'))
    .description("what today's TTL buys and costs beside others, as measured; changes nothing")
    .action((options) => inSession(options, dnsTtlCommand));
  asking(common(dns.command('survey')))
    .description('how resolvers keep answers: asks them for names of the canary zone')
    .action((options) => inSession(options, (context) => dnsSurveyCommand(context, options)));
  asking(dns.command('probe'))
    .description("the same for this machine's own resolvers, from anywhere, without throwover.yaml")
    .option('--serve <url>', 'send what was found to this `throwover serve`')
    .option('--service <name>', 'service that it is kept for')
    .option('--json', 'answer with one JSON object on the last line of stdout')
    .action(async (options) => {
      const output = outputOf(terminal, options.json === true);
      ended(await dnsProbeCommand(terminal, output, options));
    });
  dns
    .command('canary')
    .description('the authoritative server of the canary zone, safe to expose')
    .requiredOption('--zone <name>', 'zone of its own that is delegated here', zone)
    .option('--listen <address:port>', 'where it answers, UDP and TCP', '127.0.0.1:53')
    .option('--admin <address:port>', 'who asked for which beacon, over HTTP; keep it on loopback')
    .option(
      '--nameserver <name[=address,...]>',
      'as the parent zone delegates; with addresses if it is inside of the zone; may be given again',
      nameserver,
      [],
    )
    .option('--rate <count>', 'answers per second over UDP to one /24 or /56', rate)
    .option('--json', 'tell errors as one JSON object')
    .action((options) => dnsCanary(terminal, options));
}

function asking(command: Command): Command {
  return command
    .option(
      '--resolver <address>',
      'resolver to ask, or `system`; may be given again',
      (text: string, before: readonly string[]) => {
        if (text === 'system' || isResolver(text)) return [...before, text];
        throw new InvalidArgumentError('expected 192.0.2.53, 192.0.2.53:5353 or [2001:db8::1]:53.');
      },
      [] as readonly string[],
    )
    .option('--zone <name>', 'the canary zone; canary.zone of throwover.yaml if left out', zone)
    .option(
      '--ttl <duration>',
      'TTL to ask for; may be given again',
      (text: string, before: readonly number[]) => [...before, duration(text)],
      [] as readonly number[],
    )
    .option('--longest <duration>', 'what is kept longer counts as never let go', duration)
    .option('--vantage <name>', 'who asks; the name of this machine if left out');
}

function duration(text: string): number {
  const ms = durationGiven(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('expected a duration from 1s to 1d.');
}

/** Applies the same rules as throwover.yaml. */
function zone(text: string): string {
  if (canarySchema.safeParse({ zone: text }).success) return text;
  throw new InvalidArgumentError('expected a zone in lower case such as canary.example.com.');
}

function nameserver(
  text: string,
  before: readonly { name: string; addresses: readonly string[] }[],
) {
  const [name = '', addresses = ''] = text.split('=');
  const given = { name, addresses: addresses.split(',').filter((address) => address !== '') };
  if (canarySchema.safeParse({ zone: 'a.zone', nameservers: [given] }).success) {
    return [...before, given];
  }
  throw new InvalidArgumentError('expected ns1.example.com, or ns1.ZONE=192.0.2.1,2001:db8::1.');
}

function rate(text: string): number {
  const value = Number(text);
  if (canarySchema.safeParse({ zone: 'a.zone', answersPerSecond: value }).success) return value;
  throw new InvalidArgumentError('expected a whole number from 1 to 1000000.');
}
