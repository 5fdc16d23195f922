import { execFile, spawnSync } from 'node:child_process';
import { promisify, types } from 'node:util';
import type { PlayedCall } from './sdk-model.fixture.ts';

/**
 * Checks calls against AWS's published model of a service in botocore (Python; installed with AWS's
 * command line and with moto): unknown and missing members, types, closed lists of values,
 * patterns, lengths and ranges.
 */
const program = `
import json, re, sys
import botocore.session
session = botocore.session.get_session()
models = {}
def check(shape, value, path, out):
    kind = shape.type_name
    meta = shape.metadata
    if kind == 'structure':
        if not isinstance(value, dict): return out.append(path + ': not a structure')
        for name in shape.required_members:
            if name not in value: out.append(path + '.' + name + ': required, and missing')
        for name, member in value.items():
            if name not in shape.members: out.append(path + '.' + name + ': not in the model')
            else: check(shape.members[name], member, path + '.' + name, out)
    elif kind == 'list':
        if not isinstance(value, list): return out.append(path + ': not a list')
        size(len(value), meta, path, out)
        for index, element in enumerate(value): check(shape.member, element, path + '[%d]' % index, out)
    elif kind == 'map':
        if not isinstance(value, dict): return out.append(path + ': not a map')
        for key, element in value.items(): check(shape.value, element, path + '.' + key, out)
    elif kind == 'string':
        if not isinstance(value, str): return out.append(path + ': not a string')
        if 'enum' in meta and value not in meta['enum']: out.append('%s: %r is none of %s' % (path, value, meta['enum']))
        size(len(value), meta, path, out)
        pattern = meta.get('pattern')
        if pattern and not fits(pattern, value): out.append('%s: %r does not fit %s' % (path, value, pattern))
    elif kind in ('integer', 'long', 'float', 'double'):
        if isinstance(value, bool) or not isinstance(value, (int, float)): return out.append(path + ': not a number')
        size(value, meta, path, out)
    elif kind == 'boolean':
        if not isinstance(value, bool): out.append(path + ': not a boolean')
def size(value, meta, path, out):
    if 'min' in meta and value < meta['min']: out.append('%s: %s is below %s' % (path, value, meta['min']))
    if 'max' in meta and value > meta['max']: out.append('%s: %s is above %s' % (path, value, meta['max']))
def fits(pattern, value):
    try: return re.fullmatch(pattern, value) is not None
    except re.error: return True
problems = []
for call in json.load(sys.stdin):
    name = call['service']
    model = models.setdefault(name, None) or session.get_service_model(name)
    models[name] = model
    operation = model.operation_model(call['operation'])
    for side, shape in (('input', operation.input_shape), ('output', operation.output_shape)):
        value = call[side]
        if value is not None and shape is not None: check(shape, value, call['operation'] + ' ' + side, problems)
print(json.dumps(problems))
`;

/** Version of botocore; `null` if it is not installed. */
export const botocoreVersion: string | null = (() => {
  const asked = spawnSync('python3', ['-c', 'import botocore; print(botocore.__version__)']);
  return asked.status === 0 ? String(asked.stdout).trim() : null;
})();

export async function botocoreProblems(calls: readonly PlayedCall[]): Promise<readonly string[]> {
  const asked = promisify(execFile)('python3', ['-c', program]);
  asked.child.stdin?.end(
    JSON.stringify(
      calls.map(({ service, command, input, output }) => ({
        service,
        operation: command.replace(/Command$/, ''),
        input: plain(input),
        output: plain(output),
      })),
    ),
  );
  const { stdout } = await asked;
  return JSON.parse(stdout) as string[];
}

/** A number in the SDK, a text in botocore; in the URL's query both are the same. */
const textToBotocore = 'MaxItems';

/**
 * Returns the value as JSON: bytes and dates become text, which the checks skip; members that the
 * SDK adds are left out.
 */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (types.isDate(value)) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, member]) => name !== '$metadata' && member !== undefined)
      .map(([name, member]) => [name, name === textToBotocore ? String(member) : plain(member)]),
  );
}
