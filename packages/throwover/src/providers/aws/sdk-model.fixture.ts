import { types } from 'node:util';

/**
 * Checks requests and answers against the model of the service in the AWS SDK (`NAME$` in each
 * client): members that the model does not have, values of another type, missing required members.
 * It does not have lengths, patterns, ranges or closed lists of values: those are in botocore's
 * model (botocore-model.fixture.ts).
 */

/** `unit`: an answer without members. */
type Ref = number | 'unit' | readonly unknown[] | (() => Ref);

/** The first element of a schema: the kind of its value (smithy's numbering). */
const kinds = {
  simple: 0,
  list: 1,
  map: 2,
  structure: 3,
  union: 4,
  error: -3,
  operation: 9,
} as const;

/** Kinds of simple values; lists and maps of them add a bit. */
const simple: Readonly<Record<number, string>> = {
  0: 'string',
  1: 'number',
  2: 'boolean',
  4: 'date',
  5: 'date',
  6: 'date',
  7: 'date',
  15: 'document',
  17: 'bigint',
  19: 'decimal',
  21: 'bytes',
  42: 'bytes',
};
const listBit = 64;
const mapBit = 128;

/** The model's operations of one SDK package. */
export type SdkPackage = Readonly<Record<string, unknown>>;

export function operationOf(sdk: SdkPackage, command: string): { input: Ref; output: Ref } {
  const schema = sdk[`${command.replace(/Command$/, '')}$`];
  if (!Array.isArray(schema) || schema[0] !== kinds.operation) {
    throw new Error(`the SDK has no model of ${command}`);
  }
  return { input: schema[4] as Ref, output: schema[5] as Ref };
}

/** Returns every difference of `value` from the model; empty if there is none. */
export function problemsOf(ref: Ref, value: unknown, path = ''): readonly string[] {
  if (typeof ref === 'function') return problemsOf(ref(), value, path);
  const schema = ref;
  if (typeof schema === 'number') return simpleProblems(schema, value, path);
  if (schema === 'unit')
    return structureProblems([kinds.structure, '', '', 0, [], []], value, path);
  // A member with traits of its own: [schema, traits].
  if (Array.isArray(schema[0]) || typeof schema[0] === 'function' || schema.length === 2) {
    return problemsOf(schema[0] as Ref, value, path);
  }
  switch (schema[0]) {
    case kinds.simple:
      return problemsOf(schema[4] as Ref, value, path);
    case kinds.list:
      return listProblems(schema[4] as Ref, value, path);
    case kinds.map:
      return mapProblems(schema[5] as Ref, value, path);
    case kinds.structure:
    case kinds.union:
    case kinds.error:
      return structureProblems(schema, value, path);
    default:
      throw new Error(`${path}: a schema of kind ${String(schema[0])}`);
  }
}

function structureProblems(schema: readonly unknown[], value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [`${path}: not a structure`];
  const names = schema[4] as readonly string[];
  const members = schema[5] as readonly Ref[];
  const required = typeof schema[6] === 'number' ? schema[6] : 0;
  const given = Object.entries(value).filter(
    ([name, member]) => name !== '$metadata' && member !== undefined,
  );
  const missing = names
    .slice(0, required)
    .filter((name) => !given.some(([other]) => other === name))
    .map((name) => `${path}.${name}: required, and missing`);
  const wrong = given.flatMap(([name, member]) => {
    const index = names.indexOf(name);
    const ref = members[index];
    return ref === undefined
      ? [`${path}.${name}: not in the model`]
      : problemsOf(ref, member, `${path}.${name}`);
  });
  return [...missing, ...wrong];
}

function simpleProblems(code: number, value: unknown, path: string): readonly string[] {
  if (code & mapBit) return mapProblems(code & ~mapBit, value, path);
  if (code & listBit) return listProblems(code & ~listBit, value, path);
  const wanted = simple[code];
  if (wanted === undefined) throw new Error(`${path}: a simple value of kind ${code}`);
  const found = value instanceof Uint8Array ? 'bytes' : types.isDate(value) ? 'date' : typeof value;
  return wanted === found || wanted === 'document'
    ? []
    : [`${path}: ${found}, where the model has ${wanted}`];
}

function listProblems(ref: Ref, value: unknown, path: string): readonly string[] {
  return Array.isArray(value)
    ? value.flatMap((element, index) => problemsOf(ref, element, `${path}[${index}]`))
    : [`${path}: not a list`];
}

function mapProblems(ref: Ref, value: unknown, path: string): readonly string[] {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, element]) => problemsOf(ref, element, `${path}.${key}`))
    : [`${path}: not a map`];
}

/** One call as the SDK received it, and the SDK's result of the answer. */
export interface PlayedCall {
  readonly service: string;
  readonly command: string;
  readonly input: unknown;
  /** `null`: the answer was an error. */
  readonly output: unknown;
}
