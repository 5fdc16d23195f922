import { expect, it } from 'vitest';
import { sideRows, sides, sideTurns } from '../authority/authority.ts';
import { courseRows, courses, turnings } from '../runbook/runbook.ts';
import { formattedMarkdown, root } from './docs.fixture.ts';

interface Row {
  readonly from: string;
  readonly on: string;
  readonly to: string;
}

it('docs/states.md has every state and every change (npx vitest run states-doc --update writes it)', async () => {
  await expect(formattedMarkdown(document())).toMatchFileSnapshot(`${root}docs/states.md`);
});

it.each([
  ['a run', courses, turnings, courseRows],
  ['a side', sides, sideTurns, sideRows],
] as const)(
  '%s: every state is reached, every cause has a row, and no row is there twice',
  (_, states, causes, rows: readonly Row[]) => {
    const [first, ...others] = Object.keys(states);
    expect(new Set(rows.map(({ to }) => to))).toEqual(
      new Set([...others, ...(rows.some(({ to }) => to === first) ? [first] : [])]),
    );
    expect(new Set(rows.map(({ on }) => on))).toEqual(new Set(Object.keys(causes)));
    const written = rows.map((row) => Object.values(row).join(' '));
    expect(written.filter((row, index) => written.indexOf(row) !== index)).toEqual([]);
  },
);

function document(): string {
  return [
    '# States',
    '',
    'Two things in throwover are always in exactly one of a few states: a run, and each database. Generated from the',
    'rows in the code; do not edit.',
    '',
    '## The course of a run',
    '',
    'A controller reads it from the journal of the run, so a controller that takes a run over knows the same as the one',
    'before. `throwover resume` goes on in this course; `throwover abort` turns it back where a row leads to `back`.',
    '',
    ...picture(courseRows),
    '',
    ...meanings('Course', courses),
    '',
    ...meanings('Cause', turnings),
    '',
    '## A side',
    '',
    "A side is one region's database, as its guard remembers it on disk. The guard writes the change down first, then",
    'acts. Its log has a line `side-changed` for each. What the server does can differ for a moment: see',
    '[When somebody else changes pg_hba.conf or a role](authority.md#when-somebody-else-changes-pg_hbaconf-or-a-role).',
    '',
    ...picture(sideRows),
    '',
    ...meanings('Side', sides),
    '',
    ...meanings('Cause', sideTurns),
    '',
  ].join('\n');
}

/** One arrow for each pair of states, with all its causes. */
function picture(rows: readonly Row[]): readonly string[] {
  // Names of Mermaid have no hyphens.
  const name = (state: string) => state.replaceAll('-', '_');
  const states = new Set(rows.flatMap(({ from, to }) => [from, to]));
  const arrows = Map.groupBy(rows, ({ from, to }) => `${name(from)} --> ${name(to)}`);
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...[...states].map((state) => `    state "${state}" as ${name(state)}`),
    ...[...arrows].map(([arrow, all]) => `    ${arrow}: ${all.map(({ on }) => on).join(', ')}`),
    '```',
  ];
}

function meanings(head: string, texts: Readonly<Record<string, string>>): readonly string[] {
  return [
    `| ${head} | Meaning |`,
    '| --- | --- |',
    ...Object.entries(texts).map(([name, text]) => `| \`${name}\` | ${text} |`),
  ];
}
