import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { XMLParser } from 'fast-xml-parser';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { systemClock } from '../kernel/kernel.ts';
import { type RunningServer, startServe } from '../server/serve.ts';
import { wholeFile } from '../service/service.fixture.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';

/**
 * Runs the action's own steps in a shell, as the runner starts them, against a real `throwover
 * serve`.
 */

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const command = `${process.execPath} ${join(root, 'packages/throwover/bin/throwover.js')}`;

/** The fields of a composite action that the runner reads; an unknown field fails. */
const step = z.strictObject({
  id: z.string(),
  name: z.string(),
  if: z.string().optional(),
  shell: z.literal('bash'),
  'working-directory': z.string().optional(),
  env: z.record(z.string(), z.string()),
  run: z.string(),
});
const actionSchema = z.strictObject({
  name: z.string(),
  description: z.string().max(125),
  author: z.string(),
  branding: z.strictObject({ icon: z.string(), color: z.string() }),
  inputs: z.record(z.string(), z.strictObject({ description: z.string(), default: z.string() })),
  outputs: z.record(z.string(), z.strictObject({ description: z.string(), value: z.string() })),
  runs: z.strictObject({ using: z.literal('composite'), steps: z.array(step) }),
});

let directory = '';
let server: RunningServer;
let action: z.infer<typeof actionSchema>;

beforeAll(async () => {
  action = actionSchema.parse(parse(await readFile(join(root, 'action.yml'), 'utf8')));
  directory = await mkdtemp(join(tmpdir(), 'throwover-action-'));
  server = await startServe({
    openStore: openSqliteStore,
    host: '127.0.0.1',
    port: 0,
    dataDir: directory,
    clock: systemClock,
  });
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});
let project = '';
beforeEach(async () => {
  project = await mkdtemp(join(directory, 'project with a blank-'));
  // Regions in which nothing listens, whatever else runs on this machine.
  const file = wholeFile
    .replace('http://127.0.3.1:7610', server.url)
    .replaceAll(/127\.0\.[12]\.1:76/g, '127.0.99.1:56');
  await writeFile(join(project, 'throwover.yaml'), `${file}active: east\n`);
});

/**
 * Runs the action with these inputs. Returns the exit code of the step that ended it, the outputs,
 * and its text.
 */
async function act(given: Readonly<Record<string, string>>) {
  const inputs = new Map(Object.entries(action.inputs).map(([name, one]) => [name, one.default]));
  for (const [name, value] of Object.entries({ command, ...given })) {
    if (!inputs.has(name)) throw new Error(`no input ${name}`);
    inputs.set(name, value);
  }
  const outputs = new Map<string, string>();
  const value = (name: string): string => {
    const [kind, ...rest] = name.split('.');
    if (kind === 'inputs') return inputs.get(rest.join('.')) ?? unknown(name);
    if (kind !== 'steps') return unknown(name);
    if (!action.runs.steps.some(({ id }) => id === rest[0])) return unknown(name);
    return outputs.get(rest.join('.')) ?? '';
  };
  const filled = (text: string) =>
    text.replace(/\$\{\{ ([\w.-]+) \}\}/g, (_, name: string) => value(name));
  const summary = join(project, 'summary.md');
  let said = '';
  let code = 0;
  for (const each of action.runs.steps) {
    if (each.if !== undefined && !holds(each.if, value)) continue;
    const output = join(project, `output-${each.id}`);
    await writeFile(output, '');
    const ran = await shell(each.run, {
      cwd: resolve(project, filled(each['working-directory'] ?? '.')),
      env: {
        ...Object.fromEntries(Object.entries(each.env).map(([key, text]) => [key, filled(text)])),
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: summary,
      },
    });
    said += ran.said;
    for (const line of (await readFile(output, 'utf8')).split('\n').filter(Boolean)) {
      const [name = '', ...rest] = line.split('=');
      outputs.set(`${each.id}.outputs.${name}`, rest.join('='));
    }
    code = ran.code;
    // A step that fails ends the action.
    if (code !== 0) break;
  }
  const outcome = Object.entries(action.outputs).map(([name, one]) => [name, filled(one.value)]);
  return {
    code,
    said,
    outputs: Object.fromEntries(outcome),
    summary: await readFile(summary, 'utf8').catch(() => ''),
    files: (await readdir(project)).filter((name) => !name.startsWith('output-')).sort(),
  };
}

function unknown(name: string): never {
  throw new Error(`no value ${name}`);
}

/** Evaluates a condition of the form `inputs.check == 'true'`, and no other. */
function holds(condition: string, value: (name: string) => string): boolean {
  const [, name = '', wanted] = /^([\w.-]+) == '(\w+)'$/.exec(condition) ?? [];
  return value(name) === wanted;
}

/** Runs a script as the runner starts `shell: bash`. */
function shell(script: string, { cwd, env }: { cwd: string; env: Record<string, string> }) {
  const file = join(directory, 'step.sh');
  return new Promise<{ code: number; said: string }>((settle, fail) => {
    writeFile(file, script).then(() => {
      const options = { cwd, env: { PATH: process.env['PATH'], HOME: directory, ...env } };
      execFile(
        'bash',
        ['--noprofile', '--norc', '-eo', 'pipefail', file],
        options,
        (error, out, err) =>
          settle({ code: typeof error?.code === 'number' ? error.code : 0, said: out + err }),
      );
    }, fail);
  });
}

const sarifIn = async (name: string) =>
  JSON.parse(await readFile(join(project, name), 'utf8')) as {
    version: string;
    runs: { results: { locations: unknown[] }[] }[];
  };

test('a fresh project: SARIF that can be uploaded, a summary, and the exit code of the audit', async () => {
  const { code, outputs, said, summary, files } = await act({});
  expect({ code, outputs }).toEqual({
    code: 1,
    outputs: { 'exit-code': '1', 'check-exit-code': '', sarif: './throwover.sarif' },
  });
  expect(files).toEqual(['summary.md', 'throwover.sarif', 'throwover.yaml']);
  const { version, runs } = await sarifIn('throwover.sarif');
  expect(version).toBe('2.1.0');
  expect(runs[0]?.results).toHaveLength(21);
  expect(runs[0]?.results[0]?.locations).toEqual([
    { physicalLocation: { artifactLocation: { uri: 'throwover.yaml' } } },
  ]);
  expect(said).toContain('5 of 5 are slides.');
  expect(summary).toContain('5 of 5 are slides.');
});

test('fail: false ends well, and JUnit where it is wanted', async () => {
  const { code, outputs, files } = await act({ fail: 'false', junit: 'a b.xml', sarif: 'x.sarif' });
  expect({ code, exit: outputs['exit-code'] }).toEqual({ code: 0, exit: '1' });
  expect(files).toEqual(['a b.xml', 'summary.md', 'throwover.yaml', 'x.sarif']);
  const junit = new XMLParser({ ignoreAttributes: false }).parse(
    await readFile(join(project, 'a b.xml'), 'utf8'),
  );
  expect(junit.testsuites['@_failures']).toBe('21');
});

test('an audit that could not be made leaves no SARIF, and ends with its code', async () => {
  const text = await readFile(join(project, 'throwover.yaml'), 'utf8');
  await writeFile(join(project, 'away.yaml'), text.replace(server.url, 'http://127.0.0.1:1'));
  const away = await act({ config: 'away.yaml' });
  expect({ code: away.code, sarif: away.outputs['sarif'] }).toEqual({ code: 7, sarif: '' });
  expect(away.said).toContain('store-away');
  expect(away.files).not.toContain('throwover.sarif');
  const wrong = await act({ config: 'no such file.yaml' });
  expect(wrong.code).toBe(2);
  expect(wrong.said).toContain('service-file-missing');
});

test('check comes first, the audit is made all the same', async () => {
  const { code, outputs, said } = await act({ check: 'true' });
  expect({ code, outputs }).toEqual({
    code: 1,
    outputs: { 'check-exit-code': '1', 'exit-code': '1', sarif: './throwover.sarif' },
  });
  expect(said).toMatch(/east database +unreachable/);
  expect(said).toContain('5 of 5 are slides.');
});

/**
 * Stands in for the command where a real one needs its own regions: exits with a code for each
 * subcommand.
 */
async function standIn(codes: { check: number; audit: number }): Promise<string> {
  const own = join(project, 'own.sh');
  const script = `#!/bin/sh\necho "{}"\n[ "$1" = check ] && exit ${codes.check}\nexit ${codes.audit}\n`;
  await writeFile(own, script);
  await chmod(own, 0o755);
  return './own.sh';
}

test("check's code counts before that of the audit; it is not asked unless it is wanted", async () => {
  const own = await standIn({ check: 7, audit: 1 });
  expect((await act({ command: own, check: 'true' })).code).toBe(7);
  expect((await act({ command: own })).code).toBe(1);
  expect((await act({ command: own, check: 'true', fail: 'false' })).code).toBe(0);
});

test('what is all real ends with 0; values are never text of the script', async () => {
  const { code, files } = await act({
    command: await standIn({ check: 0, audit: 0 }),
    check: 'true',
    config: '$(touch injected).yaml',
    sarif: 'a;touch injected.sarif',
  });
  expect(code).toBe(0);
  expect(files).toEqual(['a;touch injected.sarif', 'own.sh', 'summary.md', 'throwover.yaml']);
});
