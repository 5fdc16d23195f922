import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { architectureTable } from './doc-table.fixture.ts';

/** A port, its suite, and the implementations, each with the test that runs the suite with it. */
interface Port {
  readonly names: readonly string[];
  readonly file: string;
  readonly suite: string;
  readonly suiteFile: string;
  readonly keptBy: Readonly<Record<string, string>>;
}

const ports: readonly Port[] = [
  {
    names: ['DatabaseSide'],
    file: 'authority/database-side.ts',
    suite: 'databaseSideConformance',
    suiteFile: 'authority/conformance.ts',
    keptBy: {
      'providers/postgres/database-side.ts': 'providers/postgres/guard/database-side.pg.test.ts',
      'simulation/control/ports.ts': 'simulation/control/database-side.test.ts',
      'runs/runs.fixture.ts': 'runs/fakes.test.ts',
    },
  },
  {
    names: ['Door'],
    file: 'traffic/door.ts',
    suite: 'doorConformance',
    suiteFile: 'traffic/conformance-door.ts',
    keptBy: {
      'providers/http/door.ts': 'providers/http/door.test.ts',
      'simulation/application/door.ts': 'simulation/application/door.test.ts',
      'simulation/control/ports.ts': 'simulation/application/door.test.ts',
      'runs/runs.fixture.ts': 'runs/fakes.test.ts',
    },
  },
  {
    names: ['DoorCounts'],
    file: 'traffic/door.ts',
    suite: 'doorCountsConformance',
    suiteFile: 'traffic/conformance-counts.ts',
    keptBy: {
      'providers/http/door.ts': 'providers/http/door.test.ts',
      'cli/evidence/team.fixture.ts': 'cli/evidence/team.test.ts',
    },
  },
  {
    names: ['GatewayControl'],
    file: 'webhooks/gateway-control.ts',
    suite: 'gatewayConformance',
    suiteFile: 'webhooks/conformance.ts',
    keptBy: {
      'providers/http/gateway.ts': 'providers/http/gateway.test.ts',
      'simulation/application/gateway.ts': 'simulation/application/gateway.test.ts',
      'simulation/control/ports.ts': 'simulation/application/gateway.test.ts',
      'runs/runs.fixture.ts': 'runs/fakes.test.ts',
    },
  },
  {
    names: ['FunctionRegion'],
    file: 'functions/function-region.ts',
    suite: 'functionsConformance',
    suiteFile: 'functions/conformance.ts',
    keptBy: {
      'providers/aws/lambda.ts': 'providers/aws/lambda.test.ts',
      'runs/warmth.test.ts': 'runs/warmth.test.ts',
    },
  },
  {
    names: ['DnsProvider', 'AdoptableDns'],
    file: 'traffic/dns.ts',
    suite: 'dnsConformance',
    suiteFile: 'traffic/conformance.ts',
    keptBy: {
      'providers/aws/route53.ts': 'providers/aws/route53.dns.test.ts',
      'providers/aws/arc.ts': 'providers/aws/arc.test.ts',
      'providers/rfc2136/rfc2136.ts': 'providers/rfc2136/rfc2136.dns.test.ts',
      'providers/http/dns-http.ts': 'providers/http/dns-http.test.ts',
      'simulation/application/dns.ts': 'simulation/application/dns.test.ts',
      'runs/runs.fixture.ts': 'runs/fakes.test.ts',
    },
  },
  {
    names: ['Notifier'],
    file: 'notify/notifier.ts',
    suite: 'notifierConformance',
    suiteFile: 'notify/conformance.ts',
    keptBy: {
      'providers/smtp/email-notifier.ts': 'providers/smtp/email-notifier.test.ts',
      'providers/http/webhook-notifier.ts': 'providers/http/webhook-notifier.test.ts',
    },
  },
  {
    names: ['Store', 'EmbeddedStore', 'RemoteStore'],
    file: 'store/port.ts',
    suite: 'storeConformance',
    suiteFile: 'store/conformance.ts',
    keptBy: {
      'store/sqlite/sqlite-store.ts': 'store/sqlite/sqlite-store.test.ts',
      'store/remote/remote-store.ts': 'store/remote/remote-store.test.ts',
      'store/memory/memory-store.ts': 'store/memory/memory-store.test.ts',
      'simulation/control/witness-store.ts': 'simulation/control/witness-store.test.ts',
    },
  },
  {
    names: ['RecordLog'],
    file: 'records/record-log.ts',
    suite: 'recordLogConformance',
    suiteFile: 'records/conformance.ts',
    keptBy: {
      'providers/http/records.ts': 'server/records.test.ts',
      'cli/processes/in-this-process.ts': 'cli/processes/in-this-process.test.ts',
      'records/record-log.fixture.ts': 'records/record-log.test.ts',
    },
  },
  {
    names: ['EvidenceLog'],
    file: 'records/samples.ts',
    suite: 'evidenceLogConformance',
    suiteFile: 'records/conformance.ts',
    keptBy: {
      'providers/http/evidence.ts': 'server/evidence.test.ts',
      'cli/processes/in-this-process.ts': 'cli/processes/in-this-process.test.ts',
      'cli/evidence/team.fixture.ts': 'cli/evidence/team.test.ts',
    },
  },
];

/** Files that return a port and implement none, with the reason. */
const noImplementation: Readonly<Record<string, string>> = {
  'authority/calls.ts': 'names the calls of whoever makes them',
  'store/wire.ts': 'names the calls of whoever makes them',
  'compose/dns.ts': 'chooses a provider',
  'simulation/control/serve.ts': 'passes each call on to the store that it was given',
};

const root = import.meta.dirname;
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
const sourceOf = (file: string) => sources.get(file) ?? '';
const isTest = (file: string) => file.endsWith('.test.ts');
const isSuite = (file: string) => /(^|\/)conformance[a-z-]*\.ts$/.test(file);

/** Returns the files that a file imports by name, with the names. */
function importsOf(file: string): readonly { names: string; from: string }[] {
  const found = sourceOf(file).matchAll(/(?:import|export)\s([^;]*?)\sfrom '(\.[^']+)'/g);
  return [...found].map(([, names = '', from = '']) => ({
    names,
    from: relative(root, join(root, dirname(file), from)),
  }));
}

/** Whether a file means this port by its name: it declares it, or imports it from its folder. */
function means(file: string, name: string, { file: portFile }: Port): boolean {
  if (sourceOf(file).includes(`export interface ${name} `)) return true;
  const word = new RegExp(`\\b${name}\\b`);
  return importsOf(file).some(
    ({ names, from }) => dirname(from) === dirname(portFile) && word.test(names),
  );
}

/**
 * Whether a file implements the port: a class says so, a function returns it, a value is declared
 * or checked as one. In a test only a class counts: a stub that a test makes for itself is none.
 */
function implementsIt(file: string, name: string): boolean {
  const text = sourceOf(file);
  const named = (type: string, separator: string) =>
    type.split(separator).some((one) => one.trim() === name);
  const classes = [...text.matchAll(/class \w+ (?:extends \w+ )?implements ([^{]*)\{/g)];
  if (classes.some(([, types = '']) => named(types, ','))) return true;
  if (isTest(file) || isSuite(file)) return false;
  const returned = [...text.matchAll(/\)\s*:\s*(?:Promise<)?([\w\s&]*?)>?\s*\{/g)];
  const values = [...text.matchAll(/\w: (\w+) = \{|satisfies (\w+)|as (\w+);/g)];
  return (
    returned.some(([, type = '']) => named(type, '&')) ||
    values.some((groups) => groups.slice(1).includes(name))
  );
}

function implementationsOf(port: Port): readonly string[] {
  return files.filter((file) =>
    port.names.some((name) => means(file, name, port) && implementsIt(file, name)),
  );
}

/** Whether a test imports a file, itself or by at most three others in between. */
function reaches(test: string, file: string): boolean {
  let seen = new Set([test]);
  for (let step = 0; step < 4; step += 1) {
    if (seen.has(file)) return true;
    seen = new Set([
      ...seen,
      ...[...seen].flatMap((one) => importsOf(one).map(({ from }) => from)),
    ]);
  }
  return seen.has(file);
}

it.each(ports)('$suite: each implementation is listed, and nothing else', (port) => {
  const found = implementationsOf(port).filter((file) => !(file in noImplementation));
  expect([...found].sort()).toEqual(Object.keys(port.keptBy).sort());
});

it('a file that returns a port and implements none still does', () => {
  const found = new Set(ports.flatMap(implementationsOf));
  expect(Object.keys(noImplementation).filter((file) => !found.has(file))).toEqual([]);
});

it.each(ports)('$suite: the listed tests run its suite, and no others', (port) => {
  const { suite, suiteFile, keptBy } = port;
  expect(sourceOf(suiteFile)).toContain(`export function ${suite}(`);
  const runs = new RegExp(`^\\s*${suite}\\(`, 'm');
  const callers = files.filter((file) => isTest(file) && runs.test(sourceOf(file)));
  expect([...new Set(Object.values(keptBy))].sort()).toEqual(callers.sort());
  const apart = Object.entries(keptBy).filter(([file, test]) => !reaches(test, file));
  expect(apart).toEqual([]);
});

it('docs/architecture.md has the list', () => {
  expect(architectureTable('ports')).toEqual(rows());
});

/** One row for each implementation; a cell that repeats the one above is empty. */
function rows(): readonly (readonly string[])[] {
  return ports.flatMap(({ names, suiteFile, keptBy }) =>
    Object.entries(keptBy).map(([file, test], index) => [
      ...(index === 0 ? [`\`${names[0]}\``, `\`${suiteFile}\``] : ['', '']),
      `\`${file}\``,
      `\`${test}\``,
    ]),
  );
}
