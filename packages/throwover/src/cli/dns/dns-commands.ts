import { InvalidArgumentError, Option } from 'commander';
import { canarySchema, isResolver } from '../../service/service.ts';
import { act, bare, type CommandSpec, group, jsonAnswer, listening } from '../command.ts';
import { mandatory } from '../options.ts';
import { dnsCanary } from '../processes/processes.ts';
import { outputOf } from '../terminal.ts';
import { dnsProbeCommand, dnsSurveyCommand, durationGiven, type ProbeGiven } from './dns.ts';
import { dnsTtl } from './dns-ttl.ts';

/** What a survey asks, and whom. */
const asking = () => [
  new Option('--resolver <address>', 'resolver to ask, or `system`; may be given again')
    .argParser((text: string, before: readonly string[]) => {
      if (text === 'system' || isResolver(text)) return [...before, text];
      throw new InvalidArgumentError('expected 192.0.2.53, 192.0.2.53:5353 or [2001:db8::1]:53.');
    })
    .default([]),
  new Option(
    '--zone <name>',
    'the canary zone; canary.zone of throwover.yaml if left out',
  ).argParser(zone),
  new Option('--ttl <duration>', 'TTL to ask for; may be given again')
    .argParser((text: string, before: readonly number[]) => [...before, duration(text)])
    .default([]),
  new Option('--longest <duration>', 'what is kept longer counts as never let go').argParser(
    duration,
  ),
  new Option('--vantage <name>', 'who asks; the name of this machine if left out'),
];

export const dnsCommands: readonly CommandSpec[] = [
  group('dns', 'how the traffic would really move'),
  dnsTtl,
  act({
    name: 'dns survey',
    says: 'how resolvers keep answers: asks them for names of the canary zone',
    takes: asking,
    run: dnsSurveyCommand,
  }),
  bare({
    name: 'dns probe',
    says: "the same for this machine's own resolvers, from anywhere, without throwover.yaml",
    takes: () => [
      ...asking(),
      new Option('--serve <url>', 'send what was found to this `throwover serve`'),
      new Option('--service <name>', 'service that it is kept for'),
      jsonAnswer(),
    ],
    run: (terminal, given: ProbeGiven & { json?: boolean }) =>
      dnsProbeCommand(terminal, outputOf(terminal, given.json === true), given),
  }),
  listening({
    name: 'dns canary',
    says: 'the authoritative server of the canary zone, safe to expose',
    takes: () => [
      mandatory(
        new Option('--zone <name>', 'zone of its own that is delegated here').argParser(zone),
      ),
      new Option('--listen <address:port>', 'where it answers, UDP and TCP').default(
        '127.0.0.1:53',
      ),
      new Option(
        '--admin <address:port>',
        'who asked for which beacon, over HTTP; keep it on loopback',
      ),
      new Option(
        '--nameserver <name[=address,...]>',
        'as the parent zone delegates; with addresses if it is inside of the zone; may be given again',
      )
        .argParser(nameserver)
        .default([]),
      new Option('--rate <count>', 'answers per second over UDP to one /24 or /56').argParser(rate),
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
