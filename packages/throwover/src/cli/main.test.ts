import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { type RunningServer, startServe } from '../server/serve.ts';
import { wholeFile } from '../service/service.fixture.ts';
import { createRemoteStore } from '../store/remote/remote-store.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { run, runJson, start } from './terminal.fixture.ts';

/** Nothing listens on port 9 of these addresses: every part but the store is unreachable. */
const away = 'http://127.0.0.1:9';

let directory = '';
let server: RunningServer;
let config = '';
let service = '';
let count = 0;

beforeAll(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  directory = await mkdtemp(join(tmpdir(), 'throwover-cli-'));
  const dataDir = join(directory, 'store');
  server = await startServe({
    openStore: openSqliteStore,
    host: '127.0.0.1',
    port: 0,
    dataDir,
    clock: systemClock,
  });
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
  vi.unstubAllEnvs();
});

/**
 * A separate service for each test. Its parts are unreachable, and it has neither its own steps nor
 * checks.
 */
beforeEach(async () => {
  service = `checkout-${++count}`;
  config = join(directory, `${service}.yaml`);
  await writeFile(config, file(server.url));
});

function file(store: string): string {
  return wholeFile
    .replace(/^steps:[\s\S]*$/m, '')
    .replace('service: checkout', `service: ${service}\nactive: east`)
    .replace(/http:\/\/127\.0\.[012]\.1:76\d\d/g, away)
    .replace('nameservers: [127.0.0.1:7621]', 'nameservers: [127.0.0.1:9]')
    .replace('http://127.0.3.1:7610', store);
}

describe('wrong input is 2', () => {
  it.each([
    { argv: ['swichover'], says: 'unknown command' },
    { argv: ['switchover'], says: '--to <region>' },
    { argv: ['plan', 'fallover', '--to', 'west'], says: 'switchover, failover, failback' },
    { argv: ['abort'], says: '--reason <text>' },
    { argv: ['serve', '--data', 'x', '--port', '70000'], says: '0 to 65535' },
    { argv: ['serve', '--data', 'x', '--service', '/nowhere.yaml'], says: 'service-file-missing' },
    { argv: ['runs', '--limit', '0'], says: '1 to 1000' },
    { argv: ['check', '--config', '/nowhere/throwover.yaml'], says: 'service-file-missing' },
    { argv: ['guard', '--config', '/nowhere/guard.json'], says: 'process-config-wrong' },
  ])('$argv', async ({ argv, says }) => {
    const { code, stdout, stderr } = await run(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/^[a-z-]+: .*\n(.*\n)*Next: /);
  });

  it('names every mistake of a file with its line', async () => {
    await writeFile(config, file(server.url).replace('ttl: 60s', 'ttl: 60'));
    const { code, stderr } = await run('check', '--offline', '--config', config);
    expect(code).toBe(2);
    expect(stderr).toContain(`${config}:27:8 traffic.ttl: expected a duration`);
    const { json } = await runJson('check', '--offline', '--config', config);
    expect(json.error).toMatchObject({
      code: 'service-file-wrong',
      evidence: { mistakes: [{ line: 27, col: 8, path: 'traffic.ttl' }] },
    });
  });

  it('is a region that is not there, and the one that is active', async () => {
    const nowhere = await run('plan', 'switchover', '--to', 'wets', '--config', config);
    expect(nowhere.code).toBe(2);
    expect(nowhere.stderr).toContain('did you mean west?');
    const here = await run('plan', 'switchover', '--to', 'east', '--config', config);
    expect(here).toMatchObject({ code: 2, stderr: expect.stringContaining('already-active') });
  });

  it('is a run that is not there, none to resume and none to abort', async () => {
    expect(await run('abort', '--reason', 'x', '--config', config)).toMatchObject({ code: 2 });
    expect(await run('resume', '--config', config)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no-open-run'),
    });
    expect(await runJson('show', 'run_0-0', '--config', config)).toMatchObject({
      code: 2,
      json: { error: { code: 'no-such-run' } },
    });
  });

  it('is a damaged run without the name of who ends it, and one that does not exist', async () => {
    const damaged = ['abort', 'run_0-0', '--damaged', '--reason', 'x', '--config', config];
    const { code, stderr } = await run(...damaged);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--by NAME'),
    });
    expect(await runJson(...damaged, '--by', 'ana')).toMatchObject({
      code: 2,
      json: { error: { code: 'no-such-run' } },
    });
  });

  it.each([
    ['--override', 'loss-above-bound'],
    ['--yes', 'abc'],
    ['--second', 'bo'],
  ])('is an approval that a resumed run would not use: %s', async (...approval) => {
    const { code, stderr } = await run('resume', '--config', config, ...approval);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('only with --as-failover'),
    });
  });

  it('is told as one JSON object with --json', async () => {
    const { code, lines, json, stderr } = await runJson('swichover');
    expect({ code, lines, stderr }).toEqual({ code: 2, lines: 1, stderr: '' });
    expect(json.error).toMatchObject({ code: 'usage-wrong', remedy: expect.any(String) });
  });
});

it('help says which options are required, and puts arguments before options that take several words', async () => {
  const { stdout } = await run('abort', '--help');
  expect(stdout).toContain('Usage: throwover abort [run] [options]');
  expect(stdout).toMatch(/--reason <text> +Reason, written to the journal \(required\)/);
});

it('help shows each option that a command takes, and none that it refuses or ignores', async () => {
  const help = async (...command: string[]) =>
    (await run(...command, '--help')).stdout.replaceAll(/\s+/g, ' ');
  expect(await help('guard', 'accept-cluster')).toMatch(/--config <file> .*\(required\)/);
  expect(await help('drill', 'start')).not.toContain('--json');
  // A failover takes the run from its controller in any case (runbook/engine/opening.ts).
  expect(await help('resume')).toContain('--as-failover implies it');
});

describe('the kill switch', () => {
  it('refuses to begin a run while it is thrown: 3; and is taken back', async () => {
    const flip = ['flip-only', '--to', 'west', '--config', config];
    const { digest } = (await runJson('plan', ...flip)).json;
    const halted = await run('halt', '--reason', 'freeze of the year', '--config', config);
    expect(halted).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('freeze of the year'),
    });
    try {
      expect(await runJson(...flip, '--yes', digest)).toMatchObject({
        code: 3,
        json: { error: { code: 'halted' } },
      });
    } finally {
      const off = await runJson('halt', '--off', '--config', config);
      expect(off).toMatchObject({ code: 0, json: { halt: null } });
    }
  });

  it('shows a reason that a stranger has stored as text, and acts on nothing in it', async () => {
    const store = createRemoteStore({ url: server.url, clock: systemClock });
    const reason = 'all well\u001b[1A\u001b[2K\rdone \u009b8mhidden \u202etxet';
    await store.setHalt({ by: '\u001b]0;root\u0007bob', reason, wallMs: 1 });
    try {
      for (const json of [[], ['--json']]) {
        const flip = ['flip-only', '--to', 'west', '--config', config, ...json];
        for (const args of [
          ['halt', '--config', config, ...json],
          ['plan', ...flip],
          [...flip, '--yes', 'x'],
        ]) {
          const { stdout, stderr } = await run(...args);
          expect(`${stdout}${stderr}`, args.join(' ')).not.toMatch(/[^\P{Cc}\n\t]|\u202e/u);
        }
      }
      expect((await run('halt', '--config', config)).stdout).toContain('by bob: all well');
      const { json } = await runJson('halt', '--config', config);
      expect(json).toMatchObject({ halt: { reason } });
    } finally {
      await store.setHalt(null);
      await store.close();
    }
  });

  it('cannot be thrown and taken back at once: 2', async () => {
    const both = await run('halt', '--off', '--reason', 'x', '--config', config);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('not both') });
  });
});

describe('a failover', () => {
  const failover = () => ['failover', '--to', 'west', '--config', config];

  it('shows what would be lost before anything else, in 80 columns: 3', async () => {
    const { code, stdout } = await run('plan', ...failover());
    expect(code).toBe(3);
    expect(stdout).toMatch(/^failover of .*\n\nWHAT WOULD BE LOST\n {2}UNKNOWN: /);
    expect(stdout).toContain('--override two-writers: TWO REGIONS MAY TAKE WRITES AT ONCE.');
    expect(stdout).toContain("east's gateway does not answer. How many it alone has accepted");
    expect(stdout.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
  });

  it('is refused with what nobody may override, whatever is overridden: 3', async () => {
    const { code, json } = await runJson(
      ...failover(),
      '--override',
      'two-writers',
      'loss-above-bound',
    );
    expect({ code, error: json.error.code }).toEqual({ code: 3, error: 'plan-refused' });
  });
});

describe('0', () => {
  it('is help and version', async () => {
    expect((await run('--help')).stdout).toContain('switchover [options]');
    expect(await run('--version')).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });

  it('is a right file', async () => {
    expect(await run('check', '--offline', '--config', config)).toMatchObject({
      code: 0,
      stdout: `${config}: valid (service ${service}, owner payments-team)\n`,
    });
  });

  it('is an empty ledger', async () => {
    expect(await runJson('losses', '--config', config)).toMatchObject({
      code: 0,
      json: { losses: [] },
    });
    expect(
      await runJson('losses', 'resolve', '1/2#3', '--note', 'refunded', '--config', config),
    ).toMatchObject({ code: 2, json: { error: { code: 'no-such-loss' } } });
  });

  it('is an empty list of runs', async () => {
    expect(await runJson('runs', '--config', config)).toMatchObject({
      code: 0,
      json: { runs: [] },
    });
  });
});

describe('what does not answer', () => {
  it('is 7, and every part is named', async () => {
    const { code, json } = await runJson('check', '--config', config);
    expect(code).toBe(7);
    const states = Object.fromEntries(
      json.error.evidence.parts.map((part: { part: string; state: string }) => [
        part.part,
        part.state,
      ]),
    );
    expect(states).toMatchObject({
      store: 'healthy',
      'east database': 'unreachable',
      'west door': 'unreachable',
      'east gateway': 'unreachable',
    });
  });

  it('refuses a plan: 3, with the plan shown', async () => {
    const { code, json } = await runJson('plan', 'switchover', '--to', 'west', '--config', config);
    expect(code).toBe(3);
    expect(json.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(json.plan).toMatchObject({ kind: 'switchover', from: 'east', to: 'west' });
    const text = await run('plan', 'switchover', '--to', 'west', '--config', config);
    expect(text.stdout).toContain('from here on the run can only go forward');
    expect(text.stdout).toContain(`Digest: ${json.digest}`);
    expect(text.stdout.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
  });

  it('refuses a run before anybody is asked: 3', async () => {
    expect(await run('switchover', '--to', 'west', '--config', config)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('plan-refused'),
    });
  });
});

describe('the mandate', () => {
  const flip = () => ['flip-only', '--to', 'west', '--config', config];

  it('is refused for another digest, which is told: 3', async () => {
    const { digest } = (await runJson('plan', ...flip())).json;
    const refused = await run(...flip(), '--yes', '0123456789abcdef');
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('digest-mismatch') });
    expect(refused.stdout).toContain(digest);
    expect((await runJson('runs', '--config', config)).json.runs).toEqual([]);
  });

  it('is not asked for with --json: 3', async () => {
    const { code, json } = await runJson(...flip());
    expect(code).toBe(3);
    expect(json.error).toMatchObject({
      code: 'not-confirmed',
      evidence: { digest: expect.any(String) },
    });
  });

  it.each(['yes', 'west', ''])('is not given by typing "%s": 3', async (typed) => {
    const running = start(flip());
    running.type(typed);
    expect(await running.code).toBe(3);
    expect(running.stdout()).toContain(`Type "${service} to west" to begin: `);
    expect(running.stdout()).toContain('both sides may take writes');
  });

  it('is not given by the end of the input: 3', async () => {
    expect(await run(...flip())).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('nothing was typed'),
    });
  });

  it('is refused with an override that nothing asks for: 2', async () => {
    expect(await run(...flip(), '--override', 'everything')).toMatchObject({ code: 2 });
  });
});

describe('a run that waits for DNS', () => {
  const flip = () => ['flip-only', '--to', 'west', '--config', config];

  /** Starts a run by typing; it waits for a Route 53 that does not answer. */
  async function begun() {
    const running = start(flip());
    running.type(`${service} to west`);
    await expect.poll(running.stdout, { timeout: 20_000 }).toContain(': run_');
    return running;
  }

  it('is undone by Ctrl-C before its point of no return: 4', async () => {
    const running = await begun();
    running.interrupt();
    expect(await running.code).toBe(4);
    expect(running.stdout()).toContain('Stopping: what was changed is taken back.');
    expect(running.stdout()).toContain('Undone: the active region is the same as before');
    const { runs } = (await runJson('runs', '--config', config)).json;
    expect(runs).toMatchObject([{ status: 'undone', kind: 'flip-only' }]);
    const shown = await run('show', runs[0].runId, '--config', config);
    expect(shown.stdout).toContain('undone: ');
    expect(shown.stdout.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
  });

  it('is left by the second Ctrl-C: 5; then another cannot begin: 6; resume goes on: 4', async () => {
    await writeFile(
      config,
      `${file(server.url)}steps:
  - name: own
    before: flip
    runs: [flip-only]
    observe: { command: [test, -f, ${service}.done] }
    act: { command: [touch, ${service}.done] }
    undo: { command: [sh, -c, 'test -f ${service}.go || sleep 600'] }
`,
    );
    const { digest } = (await runJson('plan', ...flip())).json;
    const running = start([...flip(), '--yes', digest, '--json']);
    await expect.poll(running.stderr, { timeout: 20_000 }).toContain('"step":"flip"');
    running.interrupt();
    await expect.poll(running.stderr, { timeout: 20_000 }).toContain('"undo-started"');
    running.interrupt();
    expect(await running.code).toBe(5);
    const { status, error } = JSON.parse(running.stdout());
    expect({ status, code: error.code }).toEqual({ status: 'open', code: 'run-left' });

    expect(await runJson(...flip(), '--yes', digest)).toMatchObject({
      code: 6,
      json: { error: { code: 'run-in-progress' } },
    });

    await writeFile(join(directory, `${service}.go`), '');
    const resumed = await run('resume', '--takeover', '--config', config);
    expect(resumed.code).toBe(4);
    expect(resumed.stdout).toContain('resumed: run_');
  });

  it('tells its events as JSON lines on stderr, and its end as one object', async () => {
    const { digest } = (await runJson('plan', ...flip())).json;
    const running = start([...flip(), '--yes', digest, '--json']);
    await expect.poll(running.stderr, { timeout: 20_000 }).toContain('"step-started"');
    running.interrupt();
    expect(await running.code).toBe(4);
    const events = running
      .stderr()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).type);
    expect(events.at(0)).toBe('run-started');
    expect(events.at(-1)).toBe('run-ended');
    const lines = running.stdout().trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      status: 'undone',
      error: { code: 'stop-requested' },
    });
  });

  it('is one line a step on a terminal, brought up to date in place', async () => {
    const running = start(flip(), { isTTY: true });
    running.type(`${service} to west`);
    await expect.poll(running.stdout, { timeout: 20_000 }).toContain('> flip');
    running.interrupt();
    expect(await running.code).toBe(4);
    expect(running.stdout()).toContain('\u001b[');
  });
});

it('a store that is away is 7, and nothing is begun', async () => {
  await writeFile(config, file(away));
  const { code, json } = await runJson('runs', '--config', config);
  expect({ code, error: json.error.code }).toEqual({ code: 7, error: 'store-away' });
});

it('serve says that it is ready, and ends cleanly when it is told to', async () => {
  const running = start(['serve', '--data', join(directory, 'other'), '--port', '0']);
  await expect.poll(running.stdout).toMatch(/^\{"ready":"serve","url":".*"\}\n$/);
  const { url } = JSON.parse(running.stdout());
  const store = createRemoteStore({ url, clock: systemClock });
  expect(await store.runs({ limit: 1 })).toEqual([]);
  await store.close();
  running.interrupt();
  expect(await running.code).toBe(0);
});
