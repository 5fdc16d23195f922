import { expect, it } from 'vitest';
import { z } from 'zod';
import { guardConfig } from '../providers/postgres/config.ts';
import { edgeConfigSchema } from '../traffic/edge-config.ts';
import { gatewayConfigSchema } from '../webhooks/config.ts';
import { formattedMarkdown, root } from './docs.fixture.ts';

/** The smallest useful file of each process. */
const guardFile: z.input<typeof guardConfig> = {
  region: 'east',
  listen: { host: '10.1.0.6', port: 7603 },
  postgres: {
    host: '10.1.0.6',
    port: 5432,
    socketDir: '/var/run/postgresql',
    dataDir: '/var/lib/postgresql/18/main',
    pgBin: '/usr/lib/postgresql/18/bin',
    runAs: { uid: 105, gid: 112 },
    startDatabase: true,
  },
  superuser: { host: '/var/run/postgresql' },
  database: 'checkout',
  applicationRoles: ['checkout'],
  replication: { user: 'replicator', password: 'file:/etc/throwover/replication' },
  upstreams: {
    east: { host: '10.1.0.6', port: 5432 },
    west: { host: '10.2.0.6', port: 5432 },
  },
  service: 'checkout',
  store: { url: 'http://witness.example.net:7610' },
  peer: { region: 'west', guard: 'http://10.2.0.6:7603' },
  stateDir: '/var/lib/throwover',
};

const gatewayFile: z.input<typeof gatewayConfigSchema> = {
  region: 'east',
  host: '0.0.0.0',
  port: 7604,
  adminHost: '10.1.0.5',
  adminPort: 7605,
  dataDir: '/var/lib/throwover/gateway',
  sources: {
    stripe: { scheme: 'stripe', secret: 'env:STRIPE_WEBHOOK_SECRET', path: '/webhooks/stripe' },
  },
  initial: { region: 'east', url: 'http://10.1.0.5:7600', epoch: 1 },
};

const edgeFile: z.input<typeof edgeConfigSchema> = {
  region: 'east',
  host: '0.0.0.0',
  port: 8080,
  adminHost: '10.0.0.5',
  adminPort: 8081,
  upstream: 'http://127.0.0.1:3000',
  stateFile: '/var/lib/throwover/door.json',
};

const processes: readonly (readonly [string, z.ZodType, unknown])[] = [
  ['guard', guardConfig, guardFile],
  ['gateway', gatewayConfigSchema, gatewayFile],
  ['edge', edgeConfigSchema, edgeFile],
];

it('docs/process-config.md has every field and no other (npx vitest run process-config-doc --update writes it)', async () => {
  await expect(formattedMarkdown(document())).toMatchFileSnapshot(`${root}docs/process-config.md`);
});

it.each(processes)('%s: its file in the docs is right', (_name, schema, file) => {
  expect(schema.safeParse(file).error).toBeUndefined();
});

it.each(processes)(
  '%s: each field is described, a duration or a size with its unit',
  (_name, schema) => {
    const fields = fieldsOf(schema);
    expect(fields.filter(({ says }) => says === '')).toEqual([]);
    const units = { Ms: /\bms\b/, Hours: /\bh\b/, Bytes: /\bbytes\b/ };
    for (const [suffix, unit] of Object.entries(units)) {
      for (const { path, says } of fields) if (path.endsWith(suffix)) expect(says).toMatch(unit);
    }
  },
);

function document(): string {
  return [
    '# Configuration of the processes',
    '',
    '`throwover guard`, `throwover gateway` and `throwover edge` each read one JSON file, named by `--config FILE.json`, when',
    'they start. Restart the process after a change. A wrong file is refused with what is wrong, before the process listens.',
    'A field that is not listed here is refused.',
    '',
    'Times whose name ends in `Ms` are milliseconds. A secret never stands in the file: `env:NAME` names a variable of the',
    'environment, `file:PATH` a file. This page is written by a test: `npx vitest run process-config-doc --update`.',
    '',
    '`throwover serve` has no file of its own. The service itself is described in [throwover.yaml](throwover-yaml.md).',
    ...processes.flatMap(([name, schema, file]) => [
      '',
      `## throwover ${name}`,
      '',
      '```json',
      JSON.stringify(file, null, 2),
      '```',
      '',
      '| Field | Value | Default | Meaning |',
      '| --- | --- | --- | --- |',
      ...fieldsOf(schema).map(
        ({ path, value, preset, says }) => `| \`${path}\` | ${value} | ${preset} | ${says} |`,
      ),
    ]),
    '',
  ].join('\n');
}

interface Field {
  readonly path: string;
  readonly value: string;
  readonly preset: string;
  readonly says: string;
}

type Node = z.core.JSONSchema.JSONSchema;

function fieldsOf(schema: z.ZodType): readonly Field[] {
  return below(z.toJSONSchema(schema, { io: 'input' }), '');
}

/** Returns the fields of an object, each followed by the fields below it. */
function below(node: Node, prefix: string): readonly Field[] {
  const found = new Map<string, Field>();
  for (const branch of branches(node)) {
    const { properties = {}, required = [], additionalProperties: others } = branch;
    for (const [name, child] of Object.entries(properties)) {
      const path = `${prefix}${name}`;
      const own = fieldOf(child as Node, path, required.includes(name));
      const before = found.get(path);
      found.set(path, before === undefined ? own : either(before, own));
      for (const field of below(child as Node, `${path}.`)) found.set(field.path, field);
    }
    if (typeof others === 'object') {
      for (const field of below(others, `${prefix}NAME.`)) found.set(field.path, field);
    }
  }
  return [...found.values()];
}

/** The same field of two alternatives. */
function either(one: Field, other: Field): Field {
  return one.value === other.value ? one : { ...one, value: `${one.value} or ${other.value}` };
}

function fieldOf(node: Node, path: string, required: boolean): Field {
  const { default: preset, description = '' } = node;
  const without = required ? 'required' : 'optional';
  return {
    path,
    value: valueIn(node),
    // The default of an object is the defaults of its fields.
    preset: preset === undefined || isObject(node) ? without : `\`${JSON.stringify(preset)}\``,
    says: description,
  };
}

function valueIn(node: Node): string {
  if (branches(node).length > 1) return branches(node).map(valueIn).join(' or ');
  if (node.const !== undefined) return `\`${JSON.stringify(node.const)}\``;
  if (node.enum !== undefined)
    return node.enum.map((one) => `\`${JSON.stringify(one)}\``).join(' or ');
  switch (node.type) {
    case 'string':
      return node.format === 'uri' ? 'URL' : 'text';
    case 'boolean':
      return '`true` or `false`';
    case 'null':
      return '`null`';
    case 'integer':
      return `whole number${boundsOf(node)}`;
    case 'number':
      return `number${boundsOf(node)}`;
    case 'array':
      return `list of ${valueIn(node.items as Node)}`;
    case 'object':
      return 'object';
    default:
      throw new Error(`no words for ${JSON.stringify(node)}`);
  }
}

function boundsOf({ minimum: least, maximum, exclusiveMinimum: above }: Node): string {
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (above !== undefined) return ` above ${above}`;
  if (most !== undefined) return `, ${least} to ${most}`;
  return least === undefined ? '' : `, ${least} or more`;
}

/** Returns the alternatives of a value; itself when it has none. */
function branches(node: Node): readonly Node[] {
  const { type } = node as { readonly type?: string | readonly string[] };
  if (typeof type === 'object') return type.map((one) => ({ ...node, type: one }) as Node);
  return (node.anyOf ?? node.oneOf ?? [node]) as Node[];
}

const isObject = (node: Node) => branches(node).some(({ type }) => type === 'object');
