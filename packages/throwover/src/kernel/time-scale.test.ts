import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TimeScale, unscaled } from './time-scale.ts';

test('a minute of life time is a second where the scale is 60, and a minute in production', () => {
  const lab = new TimeScale(60);
  expect([lab.real(60_000), lab.life(1_000)]).toEqual([1_000, 60_000]);
  expect([unscaled.real(60_000), unscaled.life(60_000)]).toEqual([60_000, 60_000]);
});

const sources = join(import.meta.dirname, '..');

/** Where the number is multiplied or divided; a call of `real` or `life` is no such place. */
const arithmetic =
  /[*/%]=?\s*[\w.#?]*\b(?:timeScale|factor)\b(?!\.(?:real|life)\()|\b(?:timeScale|factor)[\s)]*[*/%]/g;

/** Returns the text without comments, in which a `*` or `/` means nothing. */
const codeOf = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"])\/\/.*$/gm, '');

const arithmeticIn = (text: string) => codeOf(text).match(arithmetic) ?? [];

test.each([
  'const pauseMs = everyLifeMs / timeScale;',
  'const pauseMs = everyLifeMs / session.loaded.service.timeScale.factor;',
  'const ages = agesMs.map((ms) => ms * config.timeScale);',
  'const lifeMs = timeScale.factor * ms;',
  'const waitMs = backoffMs(failures, bounds) / this.#timeScale;',
  'ms *= timeScale;',
])('is found: %s', (code) => {
  expect(arithmeticIn(code)).toHaveLength(1);
});

test.each([
  'const seconds = timeScale.real(ttlMs) / 1_000;',
  'const share = 1 / timeScale.life(ms);',
  '/** `timeScale` * a comment. */ const exact = timeScale.factor > 1; // ms / timeScale',
])('is none: %s', (code) => {
  expect(arithmeticIn(code)).toEqual([]);
});

test('only kernel/time-scale.ts calculates with the time scale', async () => {
  const files = (await readdir(sources, { recursive: true })).filter(
    (file) => /\.[jt]s$/.test(file) && !/\.(test|fixture)\.ts$/.test(file),
  );
  const found: string[] = [];
  for (const file of files) {
    const text = await readFile(join(sources, file), 'utf8');
    if (!text.includes('imeScale')) continue;
    found.push(...arithmeticIn(text).map((code) => `${file}: ${code}`));
  }
  expect(files.length).toBeGreaterThan(300);
  expect(found).toEqual([
    'kernel/time-scale.ts: / this.factor',
    'kernel/time-scale.ts: * this.factor',
  ]);
});
