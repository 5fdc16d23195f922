import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { sideCalls } from '../../authority/authority.ts';

it('the command of docs/cli.md that opens a region by hand is one that a guard takes', async () => {
  const doc = await readFile(new URL('../../../../../docs/cli.md', import.meta.url), 'utf8');
  const [, body = ''] = /\/v1\/unfence .*-d '([\s\S]*?)'\n```/.exec(doc) ?? [];
  const sent: unknown = JSON.parse(body.replace('TOKEN', '3'));
  expect(sideCalls.unfence.body.parse(sent)).toMatchObject({ token: 3, scope: { run: 'RUN' } });
});
