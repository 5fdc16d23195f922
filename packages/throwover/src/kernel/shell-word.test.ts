import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { shellWord } from './shell-word.ts';

const hostile = [
  ...['', ' ', "'", "''", "it's", '"', '\\', "\\'", '\n', 'a\nb', '\n\n', '\t', '\r\n'],
  ...[
    '$HOME',
    '$(id)',
    '`id`',
    `$\{HOME}`,
    '!!',
    '#',
    'a#b',
    '~',
    '~root',
    '*',
    '?',
    '[a]',
    '{a,b}',
  ],
  ...[';id', '&', '|id', '> /x', '<x', '(id)', 'a=b', 'PATH=', '-n', '-rf', '--', '-', '%1'],
  ...['ü', '€ ', '\u200b', '\u0001', 'http://h:1/a?b=c&d=$e'],
];

describe.each(['sh', 'bash'])('%s', (shell) => {
  test.each(hostile.map((word) => [JSON.stringify(word), word]))(
    'reads %s as one word',
    (_, word) => {
      const script = `printf '<%s>' ${shellWord(word)} ${shellWord(word)}`;
      expect(spawnSync(shell, ['-c', script]).stdout.toString()).toBe(`<${word}><${word}>`);
    },
  );

  test('takes an assignment for a command where it stands first', () => {
    const { stdout } = spawnSync(shell, ['-c', `${shellWord('A=1')}; echo "<$A>"`], { env: {} });
    expect(stdout.toString()).toBe('<>\n');
  });
});

test('a plain word is left as a person would type it', () => {
  const plain = ['east', '/var/lib/postgresql/15', 'a@b.example', 'http://10.0.0.1:80/x', '--a=b'];
  expect(plain.map(shellWord)).toEqual(plain);
});
