import { ruleNames, type Violation } from '../checkers/checkers.ts';
import type { ScenarioOptions } from '../scenario.ts';
import type { Mutation } from './mutation.ts';

/** The result of one mutation. */
export interface Hunted {
  readonly mutation: Mutation;
  /** The first seed that found it; `null` when none did. */
  readonly seed: number | null;
  /** Every checker that reported a violation in that seed. */
  readonly rules: readonly Violation['rule'][];
  readonly text: string;
  readonly tried: number;
}

/**
 * Returns the seed that caught each mutation, by its name, from a text written by `resultsText`.
 */
export function seedsIn(text: string): ReadonlyMap<string, number> {
  const rows = text.matchAll(/^\| ([a-z0-9-]+) \| .* \| (\d+) \| [^|]+ \| \d+ \|$/gm);
  return new Map([...rows].map(([, name = '', seed]) => [name, Number(seed)]));
}

/**
 * Returns docs/results/mutations.md: each mutation with the seed that caught it, each checker with
 * the mutations that it catches.
 */
export function resultsText(hunted: readonly Hunted[], seeds: number): string {
  const caught = hunted.filter(({ seed }) => seed !== null);
  const byMutation = hunted.map(({ mutation, seed, rules, tried }) => [
    mutation.name,
    mutation.what,
    flags(mutation.options ?? {}),
    seed === null ? '**not caught**' : String(seed),
    rules.join(', ') || '-',
    String(tried),
  ]);
  const byRule = ruleNames.map((rule) => {
    const names = hunted.flatMap(({ mutation, rules }) =>
      rules.includes(rule) ? mutation.name : [],
    );
    return [rule, names.join(', ') || '**none**'];
  });
  return [
    '# Mutations: deliberate bugs, and the seeds that caught them',
    '',
    `${caught.length} of ${hunted.length} caught, within ${seeds} seeds each. Each is a patch of the sources, put in while they are`,
    'loaded; a seed counts only when the code as it is passes it. The seed named here is tried first, then the',
    'seeds that once found a bug, then the others from 1. A checker that nothing trips proves nothing, so the',
    'second table names what trips each. Written by `npm run mutate -- --out docs/results/mutations.md`.',
    '',
    ...table(
      ['Mutation', 'What it breaks', 'Options', 'Seed', 'Checkers', 'Seeds tried'],
      byMutation,
    ),
    '',
    '## Which mutations trip a checker',
    '',
    ...table(['Checker', 'Mutations'], byRule),
    '',
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function flags({ strict, synchronous, family }: ScenarioOptions): string {
  return [
    strict === undefined ? [] : strict ? 'strict' : 'available',
    synchronous === undefined ? [] : synchronous ? 'synchronous' : 'asynchronous',
    family ?? [],
  ]
    .flat()
    .join(', ');
}
