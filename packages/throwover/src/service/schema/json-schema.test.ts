import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { keysAt, serviceJsonSchema } from './json-schema.ts';

it('throwover.schema.json is up to date (npm run -w packages/throwover build writes it)', async () => {
  const published = await readFile(
    new URL('../../../throwover.schema.json', import.meta.url),
    'utf8',
  );
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(serviceJsonSchema())));
});

it('knows the keys at a path, through regions of any name, lists and alternatives', () => {
  expect(keysAt(['regions', 'anywhere', 'door'])).toEqual(['admin', 'forward']);
  expect(keysAt(['steps', 3, 'undo'])).toEqual(['command', 'http', 'none']);
  expect(keysAt(['nothing', 'there'])).toEqual([]);
});
