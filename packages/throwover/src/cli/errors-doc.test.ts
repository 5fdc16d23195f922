import { glob } from 'node:fs/promises';
import { beforeAll, expect, it } from 'vitest';
import { defineErrors, type ErrorCatalogue, type ErrorDefinition } from '../kernel/kernel.ts';
import { formattedMarkdown, root } from './docs.fixture.ts';
import { exitCodeOf } from './exit-codes.ts';

interface Section {
  readonly folder: string;
  readonly definitions: Readonly<Record<string, ErrorDefinition>>;
}
let sections: readonly Section[] = [];

/** Every folder that declares errors, in every workspace. */
beforeAll(async () => {
  const found: Section[] = [];
  for await (const path of glob('packages/*/src/**/errors.ts', { cwd: root })) {
    if (path.endsWith('src/kernel/errors.ts')) continue;
    const module = (await import(/* @vite-ignore */ `${root}${path}`)) as Record<string, unknown>;
    const folder = path
      .replace(/^packages\/(throwover\/src\/)?/, '')
      .replace(/\/(src\/)?errors\.ts$/, '');
    for (const catalogue of Object.values(module).filter(isCatalogue)) {
      found.push({ folder, definitions: catalogue.definitions });
    }
  }
  sections = found.sort((a, b) => a.folder.localeCompare(b.folder));
});

function isCatalogue(value: unknown): value is ErrorCatalogue<string> {
  return typeof value === 'object' && value !== null && 'definitions' in value && 'make' in value;
}

it('docs/errors.md has every error and no other (npx vitest run errors-doc --update writes it)', async () => {
  expect(sections.map(({ folder }) => folder)).toContain('store');
  await expect(formattedMarkdown(document())).toMatchFileSnapshot(`${root}docs/errors.md`);
});

it('no code is declared twice', () => {
  const codes = sections.flatMap(({ definitions }) => Object.keys(definitions));
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
});

it('every code is kebab-case, and its texts are sentences', () => {
  for (const { definitions } of sections) {
    for (const [code, { notLost, remedy }] of Object.entries(definitions)) {
      expect(code).toMatch(/^[a-z]+(-[a-z0-9]+)*$/);
      expect(`${notLost} | ${remedy}`).toMatch(/^\S.*[.?] \| \S.*[.?)]$/);
    }
  }
});

function document(): string {
  return `# Errors

Every error that throwover or its lab can give, by the folder that declares it. An error is shown as its
code, what happened, what is not lost, and what to do next; with \`--json\` as one object with the same
fields. Codes are stable: scripts may depend on them.

What to expect of an error: **retry**: the same call may succeed. **wait**: something must change first.
**stop**: do not go on. **page**: a person must decide. _Exit_ is the exit code of a command that ends
with it ([cli.md](cli.md)).

This file is written by a test: \`npx vitest run errors-doc --update\`.
${sections.map(section).join('')}`;
}

function section({ folder, definitions }: Section): string {
  const rows = Object.entries(definitions).map(([code, definition]) => {
    const { disposition, notLost, remedy } = definition;
    const exit = exitCodeOf(defineErrors({ [code]: definition }).make(code, code));
    return `| \`${code}\` | ${disposition} | ${exit} | ${cell(notLost)} | ${cell(remedy)} |`;
  });
  return `
## ${folder}

| Code | Expect | Exit | Not lost | Next |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
