import type { z } from 'zod';
import { keysAt } from '../schema/json-schema.ts';
import { didYouMean } from './suggest.ts';

/** One mistake in a file: where it is, what was expected, what was found. */
export interface Mistake {
  readonly path: readonly PropertyKey[];
  /** The position is that of the key, not of its value. */
  readonly atKey: boolean;
  readonly expected: string;
  readonly found: string;
}

/** Completes "expected ..." where the schema gives no text of its own. */
export const expectation: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected);
    case 'invalid_value':
      return issue.values.length === 1
        ? String(issue.values[0])
        : `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unit(issue.origin)}`;
    default:
      return undefined;
  }
};

/** Returns every issue of the schema as a mistake in the file. */
export function mistakesOf(
  issues: readonly z.core.$ZodIssue[],
  data: unknown,
  base: readonly PropertyKey[] = [],
): readonly Mistake[] {
  return issues.flatMap((issue): readonly Mistake[] => {
    const path = [...base, ...issue.path];
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => unknownKey(path, key));
      case 'invalid_union': {
        const branch = branchMeant(issue.errors);
        return branch === undefined
          ? [{ path, atKey: false, expected: issue.message, found: found(data, path) }]
          : mistakesOf(branch, data, path);
      }
      case 'invalid_key':
        return [
          {
            path,
            atKey: true,
            expected: issue.issues[0]?.message ?? 'a name',
            found: JSON.stringify(path.at(-1)),
          },
        ];
      default:
        return [{ path, atKey: false, expected: issue.message, found: found(data, path) }];
    }
  });
}

function unknownKey(path: readonly PropertyKey[], key: string): Mistake {
  const known = keysAt(path);
  const meant = didYouMean(key, known);
  return {
    path: [...path, key],
    atKey: true,
    expected:
      meant === undefined
        ? `one of the keys ${known.join(', ')}`
        : `one of the keys ${known.join(', ')}; did you mean ${meant}?`,
    found: `the unknown key ${key}`,
  };
}

/**
 * Returns the branch of a union that the author has begun to write: the one whose own key is there.
 */
function branchMeant(
  branches: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | undefined {
  return branches.find((issues) => issues.every((issue) => issue.path.length > 1));
}

/** Returns the value in the file as a short text. A value that may be a secret is never shown. */
function found(data: unknown, path: readonly PropertyKey[]): string {
  const value = valueAt(data, path);
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (path.at(-1) === 'secret' || path.includes('headers')) return 'a value that is not shown';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') {
    const keys = Object.keys(value);
    return keys.length === 0 ? 'an empty block' : `a block with ${keys.slice(0, 8).join(', ')}`;
  }
  const shown = JSON.stringify(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}

export function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, part)
        ? (value as Record<PropertyKey, unknown>)[part]
        : undefined,
    data,
  );
}

function article(type: string): string {
  const words: Readonly<Record<string, string>> = {
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a block of keys',
    record: 'a block of keys',
  };
  return words[type] ?? type;
}

function unit(origin: string): string {
  if (origin === 'array') return ' entries';
  return origin === 'string' ? ' characters' : '';
}
