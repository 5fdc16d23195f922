import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import config from '../../../.dependency-cruiser.ts';
import { adapters, entries, layers } from '../../../layers.ts';
import { architectureTable } from './doc-table.fixture.ts';

const folders = layers.flatMap((layer) => layer.folders);
const entryOf = (folder: string) => join(folder, `${basename(folder)}.ts`);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-layers-'));
  for (const folder of folders) {
    await write(entryOf(folder), '');
    await write(join(folder, 'inside.ts'), '');
  }
  for (const file of Object.keys(entries)) await write(file, '');
});
afterEach(() => rm(dir, { recursive: true }));

/** Writes a file of the model tree, which imports these others. */
async function write(file: string, ...imports: readonly string[]) {
  const path = join(dir, 'packages/throwover/src', file);
  await mkdir(dirname(path), { recursive: true });
  const up = '../'.repeat(file.split('/').length - 1);
  const lines = imports.filter(Boolean).map((other) => `import './${up}${other}';\n`);
  await writeFile(path, `${lines.join('')}export const name = '${file}';\n`);
}

/** Returns `rule: file` of everything that the import check refuses. */
async function refused(): Promise<readonly string[]> {
  const { output } = await cruise(['packages'], {
    baseDir: dir,
    validate: true,
    ruleSet: { forbidden: config.forbidden ?? [] },
  });
  return (output as ICruiseResult).summary.violations.map(
    ({ rule, from }) => `${rule.name}: ${from.replace('packages/throwover/src/', '')}`,
  );
}

it('nothing is refused where every folder imports all lower ones by their entries', async () => {
  for (const [index, { folders: here }] of layers.entries()) {
    const lower = layers.slice(0, index).flatMap((layer) => layer.folders);
    const usual = lower.filter((folder) => !adapters.includes(folder));
    for (const folder of here) await write(join(folder, 'right.ts'), ...usual.map(entryOf));
  }
  await write('compose/adapters.ts', 'providers/inside.ts', 'store/sqlite/inside.ts');
  expect(await refused()).toEqual([]);
});

describe('a wrong import is refused', () => {
  it('in each layer, when it points upward or to a neighbour', async () => {
    const wrong: string[] = [];
    for (const [index, { folders: here }] of layers.entries()) {
      const higher = layers.slice(index + 1).flatMap((layer) => layer.folders);
      for (const folder of here) {
        const others = [...here.filter((other) => other !== folder), ...higher];
        for (const [number, other] of others.entries()) {
          const file = join(folder, `wrong-${number}.ts`);
          await write(file, entryOf(other));
          wrong.push(`layer-of-${folder.replace('/', '-')}: ${file}`);
        }
      }
    }
    expect(wrong.length).toBeGreaterThan(150);
    expect(await refused()).toEqual(expect.arrayContaining(wrong));
  });

  it('into a folder past its entry, from each one above', async () => {
    const wrong: string[] = [];
    for (const folder of folders.filter((one) => one !== 'kernel')) {
      const file = join(folder, 'past.ts');
      await write(file, 'kernel/inside.ts');
      wrong.push(`by-its-entry: ${file}`);
    }
    expect(await refused()).toEqual(expect.arrayContaining(wrong));
  });

  it('of an adapter, outside compose', async () => {
    await write('server/wrong.ts', 'store/sqlite/sqlite.ts');
    await write('cli/wrong.ts', 'providers/providers.ts');
    expect(await refused()).toEqual(
      expect.arrayContaining([
        'compose-alone-names-adapters: server/wrong.ts',
        'compose-alone-names-adapters: cli/wrong.ts',
      ]),
    );
  });

  it('of a folder that stands in no layer', async () => {
    await write('elsewhere/elsewhere.ts', '');
    await write('cli/wrong.ts', 'elsewhere/elsewhere.ts');
    expect(await refused()).toContain('in-a-layer: cli/wrong.ts');
  });
});

it('every folder of the sources stands in the list', async () => {
  const there = await readdir(new URL('.', import.meta.url), { withFileTypes: true });
  const names = there.filter((one) => one.isDirectory()).map(({ name }) => name);
  const listed = new Set(folders.map((folder) => folder.split('/')[0]));
  expect(names.sort()).toEqual([...listed].sort());
});

it('docs/architecture.md has the list', () => {
  const rows = layers.map(({ folders: here, holds }) => [
    here.map((folder) => `\`${folder}/\``).join(', '),
    holds,
  ]);
  expect(architectureTable('layers')).toEqual(rows);
});
