import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { mutated } from './mutation.ts';
import { mutations } from './mutations.ts';
import { type Hunted, resultsText, seedsIn } from './results.ts';

test('the seeds of the results are read back as they were written', () => {
  const [first, second, third] = mutations;
  if (first === undefined || second === undefined || third === undefined)
    throw new Error('too few');
  const hunted: Hunted[] = [
    { mutation: first, seed: 6016, rules: ['bug', 'proof'], text: '', tried: 1 },
    { mutation: second, seed: null, rules: [], text: 'nothing', tried: 10_000 },
    {
      mutation: { ...third, what: 'Names 7 | 8 in a row.' },
      seed: 3,
      rules: [],
      text: '',
      tried: 3,
    },
  ];
  expect(seedsIn(resultsText(hunted, 10_000))).toEqual(
    new Map([
      [first.name, 6016],
      [third.name, 3],
    ]),
  );
});

test('every mutation fits the sources', async () => {
  for (const { name, edits } of mutations) {
    for (const [file, own] of Map.groupBy(edits, (edit) => edit.file)) {
      const source = await readFile(new URL(`../../../../${file}`, import.meta.url), 'utf8');
      expect(() => mutated(source, own), name).not.toThrow();
    }
  }
});

test('every mutation of the kept results has the seed that caught it', async () => {
  const kept = new URL('../../../../../docs/results/mutations.md', import.meta.url);
  const text = await readFile(kept, 'utf8');
  const said = Number(/^(\d+) of \d+ caught/m.exec(text)?.[1]);
  expect(seedsIn(text).size).toBe(said);
  expect(said).toBeGreaterThan(0);
});
