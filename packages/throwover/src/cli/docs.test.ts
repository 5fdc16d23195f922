import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { runKinds } from '../runs/runs.ts';
import { runKindNames } from '../service/schema/schema.ts';
import { wholeFile } from '../service/service.fixture.ts';
import { parseService } from '../service/service.ts';
import { exitCodes } from './exit-codes.ts';
import { run } from './terminal.fixture.ts';

const doc = (name: string) =>
  readFile(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8');

it('docs/cli.md has every exit code', async () => {
  const rows = [...(await doc('cli.md')).matchAll(/^\| (\d) +\|/gm)].map(([, code]) =>
    Number(code),
  );
  expect(rows).toEqual(Object.values(exitCodes));
});

it('docs/cli.md has every command', async () => {
  const text = await doc('cli.md');
  const commands = [...(await run('--help')).stdout.matchAll(/^ {2}([a-z-]+) .*\[options\]/gm)];
  expect(commands.length).toBeGreaterThan(8);
  for (const [, command] of commands) expect(text).toContain(`\`throwover ${command} `);
});

it('the whole file of docs/throwover-yaml.md is right', async () => {
  const whole = /## A whole file\n\n```yaml\n([\s\S]*?)```/.exec(await doc('throwover-yaml.md'));
  expect(parseService(whole?.[1] ?? '', 'docs/throwover-yaml.md').name).toBe('checkout');
});

it('the drills of docs/drills.md are right', async () => {
  const [, drills = ''] = /```yaml\n(drills:[\s\S]*?)```/.exec(await doc('drills.md')) ?? [];
  const { drills: policy } = parseService(`${wholeFile}${drills}`, 'docs/drills.md');
  expect(policy).toMatchObject({ soakMs: 1_800_000, abort: { lossMs: 0, forMs: 15_000 } });
});

it('own steps can name every kind of run, and no other', () => {
  expect([...runKindNames].sort()).toEqual([...runKinds].sort());
});
