import { readFileSync } from 'node:fs';

/** Returns the cells of the table after `<!-- MARK -->` in docs/architecture.md, row by row. */
export function architectureTable(mark: string): readonly (readonly string[])[] {
  const doc = readFileSync(new URL('../../../docs/architecture.md', import.meta.url), 'utf8');
  const [, table = ''] = new RegExp(`<!-- ${mark} -->\\n\\n([\\s\\S]*?)\\n\\n`).exec(doc) ?? [];
  return table
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
