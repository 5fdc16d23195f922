import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { clientErrors } from './client.ts';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/client.md'), 'utf8');

test('docs/client.md lists every error with what to expect, and no other', () => {
  const listed = page
    .split('\n')
    .map((line) => /^\| `([a-z-]+)` +\| `[A-Z]\w+` +\| (\w+) /.exec(line))
    .flatMap((match) => (match === null ? [] : [[match[1], match[2]]]));
  const declared = Object.entries(clientErrors).map(([code, { disposition }]) => [
    code,
    disposition,
  ]);
  expect(listed.sort()).toEqual(declared.sort());
});

test('the examples in docs/client.md compile', () => {
  const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
  const files = new Map(
    blocks.map((text, n) => [join(import.meta.dirname, `doc-example-${n}.ts`), text]),
  );
  expect(files.size).toBeGreaterThan(2);
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(
    { ...config.config, include: [] },
    ts.sys,
    root,
  );
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, how, ...rest) => {
    const text = files.get(name);
    return text === undefined
      ? getSourceFile(name, how, ...rest)
      : ts.createSourceFile(name, text, how);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const found = [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    return source === undefined ? [] : [...ts.getPreEmitDiagnostics(program, source)];
  });
  const messages = found.map(
    ({ file, messageText }) =>
      `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
  );
  expect(messages).toEqual([]);
});
