import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { keepSeries, type SeriesKind } from './series.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-results-'));
});
afterEach(() => rm(dir, { recursive: true }));

const kind = (name: string): SeriesKind<{ n: number }> => ({
  name,
  schema: z.object({ n: z.number() }),
  render: (all) => `## ${name}\n\nsum ${all.reduce((sum, { n }) => sum + n, 0)}`,
});
const readme = () => readFile(join(dir, 'README.md'), 'utf8');

test('each kind has its part of the README, made of all its series, and leaves the others alone', async () => {
  await keepSeries(join(dir, 'one.jsonl'), kind('one'), { n: 1 });
  await keepSeries(join(dir, 'two.jsonl'), kind('two'), { n: 5 });
  await keepSeries(join(dir, 'one.jsonl'), kind('one'), { n: 2 });
  expect(await readme()).toBe(
    '# Results\n\n<!-- one -->\n\n## one\n\nsum 3\n\n<!-- end of one -->\n\n' +
      '<!-- two -->\n\n## two\n\nsum 5\n\n<!-- end of two -->\n',
  );
});

test('a line that is no series of this kind is refused, and the README stays', async () => {
  await writeFile(join(dir, 'one.jsonl'), '{"m":1}\n');
  await expect(keepSeries(join(dir, 'one.jsonl'), kind('one'), { n: 1 })).rejects.toThrow();
  await expect(readme()).rejects.toThrow('ENOENT');
});
