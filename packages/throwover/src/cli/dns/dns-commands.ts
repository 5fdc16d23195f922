import { InvalidArgumentError, Option } from 'commander';
import { canarySchema, isResolver } from '../../service/service.ts';
import { act, bare, type CommandSpec, group, jsonAnswer, listening } from '../command.ts';
import { mandatory } from '../options.ts';
import { dnsCanary } from '../processes/processes.ts';
import { outputOf } from '../terminal.ts';
import { dnsProbeCommand, dnsSurveyCommand, durationGiven, type ProbeGiven } from './dns.ts';
import { dnsTtl } from './dns-ttl.ts';

/** Options of a survey: which resolvers it asks, with which TTLs, and from where. */
const asking = () => [
  new Option('--resolver <address>', 'Resolver to ask, or `system` (repeatable)')
    .argParser((text: string, before: readonly string[]) => {
      if (text === 'system' || isResolver(text)) return [...before, text];
      throw new InvalidArgumentError('expected 192.0.2.53, 192.0.2.53:5353 or [2001:db8::1]:53.');
    })
    .default([]),
  new Option(
    '--zone <name>',
    'Canary zone; `dns probe` requires it (default of `dns survey`: canary.zone of throwover.yaml)',
  ).argParser(zone),
  new Option('--ttl <duration>', 'TTL to ask for (repeatable)')
    .argParser((text: string, before: readonly number[]) => [...before, duration(text)])
    .default([]),
  new Option(
    '--longest <duration>',
    'Stop waiting after this long; a resolver that still has the old answer counts as never releasing it',
  ).argParser(duration),
  new Option('--vantage <name>', 'Name of the place that asks (default: the name of this machine)'),
];

export const dnsCommands: readonly CommandSpec[] = [
  group('dns', 'Measure how long resolvers keep answers'),
  dnsTtl,
  act({
    name: 'dns survey',
    says: 'Measure how long resolvers keep answers, with names of the canary zone',
    takes: asking,
    run: dnsSurveyCommand,
  }),
  bare({
    name: 'dns probe',
    says: 'Measure the resolvers of this machine; needs no throwover.yaml',
    takes: () => [
      ...asking(),
      new Option('--serve <url>', 'Send the results to the `throwover serve` at this URL'),
      new Option('--service <name>', 'Service that the results belong to'),
      jsonAnswer(),
    ],
    run: (terminal, given: ProbeGiven & { json?: boolean }) =>
      dnsProbeCommand(terminal, outputOf(terminal, given.json === true), given),
  }),
  listening({
    name: 'dns canary',
    says: 'Start the authoritative DNS server of the canary zone; its DNS port may face the internet',
    takes: () => [
      mandatory(
        new Option('--zone <name>', 'Zone that is delegated to this server').argParser(zone),
      ),
      new Option('--listen <address:port>', 'Address to answer on, UDP and TCP').default(
        '127.0.0.1:53',
      ),
      new Option(
        '--admin <address:port>',
        'Address of its HTTP interface, which lists who asked for which beacon; keep it on loopback',
      ),
      new Option(
        '--nameserver <name[=address,...]>',
        'Name server as in the parent zone, with its addresses if its name is inside the zone (repeatable)',
      )
        .argParser(nameserver)
        .default([]),
      new Option('--rate <count>', 'Most answers per second over UDP to one /24 or /56').argParser(
        rate,
      ),
    ],
    run: dnsCanary,
  }),
];

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
