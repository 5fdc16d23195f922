import { isIPv4, isIPv6 } from 'node:net';
import { type Mistake, valueAt } from './mistakes.ts';
import { didYouMean } from './suggest.ts';

/**
 * Finds mistakes that no single value shows: names without a target, blocks that need each other.
 * Works on the file as it was read, so that these are reported together with mistakes of shape.
 */
export function referenceMistakes(data: unknown): readonly Mistake[] {
  const regions = Object.entries(block(data, ['regions']));
  return [
    ...(['active', 'home'] as const).flatMap((key) =>
      namedRegion(
        data,
        key,
        regions.map(([name]) => name),
      ),
    ),
    ...regions.flatMap(([name]) => regionParts(data, name)),
    ...routingControls(
      data,
      regions.map(([name]) => name),
    ),
    ...ownNames(data, 'steps'),
    ...ownNames(data, 'checks'),
    ...places(data),
  ];
}

function namedRegion(
  data: unknown,
  key: 'active' | 'home',
  regions: readonly string[],
): readonly Mistake[] {
  const name = valueAt(data, [key]);
  if (typeof name !== 'string' || regions.includes(name)) return [];
  return [{ path: [key], atKey: false, expected: oneOf(name, regions), found: `"${name}"` }];
}

/** Checks that a region has the parts that the blocks of the service need in each region. */
function regionParts(data: unknown, name: string): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const needs = [
    { block: 'functions', part: 'functions' },
    { block: 'webhooks', part: 'gateway' },
  ];
  for (const { block: needed, part } of needs) {
    const path = ['regions', name, part];
    if (valueAt(data, [needed]) != null && valueAt(data, path) === undefined) {
      mistakes.push({
        path,
        atKey: false,
        expected: `${part}: in region ${name}, because the service has ${needed}:`,
        found: 'nothing',
      });
    }
  }
  const type = valueAt(data, ['traffic', 'type']);
  const addresses = valueAt(data, ['regions', name, 'addresses']);
  const fits = fitting[String(type)];
  if (fits === undefined || !Array.isArray(addresses)) return mistakes;
  addresses.forEach((address: unknown, index) => {
    if (typeof address === 'string' && !fits.test(address)) {
      mistakes.push({
        path: ['regions', name, 'addresses', index],
        atKey: false,
        expected: `${fits.expected}, because traffic.type is ${type}`,
        found: `"${address}"`,
      });
    }
  });
  return mistakes;
}

/** ARC: checks that there is one routing control for each region, and no other. */
function routingControls(data: unknown, regions: readonly string[]): readonly Mistake[] {
  if (valueAt(data, ['traffic', 'provider']) !== 'arc') return [];
  const controls = Object.keys(block(data, ['traffic', 'controls']));
  const at = (region: string) => ({ path: ['traffic', 'controls', region], atKey: false });
  return [
    ...regions
      .filter((region) => !controls.includes(region))
      .map((region) => ({
        ...at(region),
        expected: `the routing control of region ${region}`,
        found: 'nothing',
      })),
    ...controls
      .filter((region) => !regions.includes(region))
      .map((region) => ({
        ...at(region),
        atKey: true,
        expected: oneOf(region, regions),
        found: `"${region}"`,
      })),
  ];
}

const fitting: Readonly<Record<string, { test(text: string): boolean; expected: string }>> = {
  A: { test: isIPv4, expected: 'an IPv4 address' },
  AAAA: { test: isIPv6, expected: 'an IPv6 address' },
  CNAME: { test: (text) => !isIPv4(text) && !isIPv6(text), expected: 'a host name' },
};

function ownNames(data: unknown, key: 'steps' | 'checks'): readonly Mistake[] {
  const names = list(data, key).map((_, index) => valueAt(data, [key, index, 'name']));
  return names.flatMap((name, index) =>
    typeof name === 'string' && names.indexOf(name) < index
      ? [
          {
            path: [key, index, 'name'],
            atKey: false,
            expected: `a name that is used once in ${key}:`,
            found: `"${name}" again`,
          },
        ]
      : [],
  );
}

/**
 * Checks that each own step has exactly one place. The kind of run checks whether that place
 * exists.
 */
function places(data: unknown): readonly Mistake[] {
  return list(data, 'steps').flatMap((_, index) => {
    const place = ['before', 'after'].filter(
      (key) => valueAt(data, ['steps', index, key]) !== undefined,
    );
    if (place.length === 1) return [];
    return [
      {
        path: ['steps', index],
        atKey: false,
        expected: 'before: STEP or after: STEP, one of them',
        found: place.length === 0 ? 'neither' : 'both',
      },
    ];
  });
}

export function oneOf(wrong: string, known: readonly string[]): string {
  const meant = didYouMean(wrong, known);
  return `one of ${known.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

function list(data: unknown, key: string): readonly unknown[] {
  const value = valueAt(data, [key]);
  return Array.isArray(value) ? value : [];
}

function block(data: unknown, path: readonly PropertyKey[]): Readonly<Record<string, unknown>> {
  const value = valueAt(data, path);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
