import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import type { Step, StepContext } from '../../runbook/step.ts';
import { parseService } from '../load/load.ts';
import { wholeFile } from '../service.fixture.ts';
import { runAction } from './own-action.ts';
import { ownGuards, placeOwnSteps } from './own-steps.ts';

const runStep = (name: string): Step => ({
  name,
  title: name,
  waits: 'machine',
  timeoutMs: 1,
  pollMs: 1,
  undo: { none: 'test' },
  observe: async () => ({ state: 'done', evidence: {} }),
  act: async () => {},
});
const runSteps = ['wait-for-lag', 'fence', 'catch-up'].map(runStep);

const context = (signal = new AbortController().signal): StepContext => ({
  run: {
    runId: 'run_1',
    service: 'checkout',
    kind: 'switchover',
    from: 'east',
    to: 'west',
    epoch: 7,
    token: 3,
  },
  clock: systemClock,
  signal,
  outcomes: new Map(),
  before: null,
  earlier: null,
  never: () => false,
  progress: () => {},
});

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throwover-own-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function script(name: string, body: string): Promise<void> {
  await writeFile(join(directory, name), `#!/bin/sh\n${body}\n`);
  await chmod(join(directory, name), 0o755);
}

/** A service with these `steps:` and `checks:`. */
function declared(yaml: string) {
  return parseService(`${wholeFile.replace(/^steps:[\s\S]*$/m, '')}${yaml}`, 'throwover.yaml');
}

const options = () => ({ kind: 'switchover', directory, env: { PATH: process.env['PATH'] } });

function ownStep(yaml: string): Step {
  const steps = placeOwnSteps(runSteps, declared(yaml).steps, options());
  const step = steps.find(({ name }) => name === 'own');
  if (step === undefined) throw new Error('not placed');
  return step;
}

describe('place', () => {
  const undo = 'observe: { command: [x] }, act: { command: [x] }, undo: { none: test }';
  const names = (yaml: string, kind = 'switchover') =>
    placeOwnSteps(runSteps, declared(yaml).steps, { ...options(), kind }).map(({ name }) => name);

  it('is before or after a step of the run, or an own step above', () => {
    const yaml = `steps:
  - { name: a, before: fence, ${undo} }
  - { name: b, after: catch-up, ${undo} }
  - { name: c, after: a, ${undo} }
  - { name: d, after: wait-for-lag, runs: [flip-only], ${undo} }
`;
    expect(names(yaml)).toEqual(['wait-for-lag', 'a', 'c', 'fence', 'catch-up', 'b']);
  });

  it('is refused where the run has no such step', () => {
    expect(() => names(`steps: [{ name: a, before: fense, ${undo} }]\n`)).toThrow(
      'steps: a: expected one of wait-for-lag, fence, catch-up; did you mean fence?; found "fense"',
    );
  });

  it('is refused for a name that the run already has', () => {
    expect(() => names(`steps: [{ name: fence, before: catch-up, ${undo} }]\n`)).toThrow(
      'steps: fence: expected a name that no other step of switchover has; found "fence"',
    );
  });
});

describe('a command', () => {
  const yaml = `steps:
  - name: own
    before: fence
    timeout: 20s
    observe: { command: [./cron, status] }
    act: { command: [./cron, pause, 'two words; $HOME'] }
    undo: { command: [./cron, resume] }
`;

  it('says done by exit 0, pending by 1, unknown by any other, with its output', async () => {
    await script('cron', 'echo "cron is $1"; exit $(cat state)');
    const step = ownStep(yaml);
    const observed = [];
    for (const exit of ['0', '1', '2']) {
      await writeFile(join(directory, 'state'), exit);
      observed.push(await step.observe(context()));
    }
    expect(observed).toMatchObject([
      { state: 'done', evidence: { exit: 0, output: 'cron is status' } },
      { state: 'pending', evidence: { exit: 1 } },
      { state: 'unknown', error: { code: 'own-step-unknown', evidence: { exit: 2 } } },
    ]);
  });

  it('runs in the directory of the file, without a shell, and is told about the run', async () => {
    await script('cron', 'printf "%s\\n" "$@" > said; env | grep ^THROWOVER_ | sort >> said');
    await ownStep(yaml).act(context());
    expect((await readFile(join(directory, 'said'), 'utf8')).trim().split('\n')).toEqual([
      'pause',
      'two words; $HOME',
      'THROWOVER_EPOCH=7',
      'THROWOVER_FROM=east',
      'THROWOVER_RUN=run_1',
      'THROWOVER_TO=west',
      'THROWOVER_TOKEN=3',
    ]);
  });

  it('fails act and undo by any exit but 0', async () => {
    await script('cron', 'echo no >&2; exit 1');
    const step = ownStep(yaml);
    const failed = { code: 'own-step-failed', evidence: { exit: 1, output: 'no' } };
    await expect(step.act(context())).rejects.toMatchObject(failed);
    if (typeof step.undo !== 'function') throw new Error('undo is declared');
    await expect(step.undo(context())).rejects.toMatchObject(failed);
  });

  it('that is not there is unknown, not pending', async () => {
    expect(await ownStep(yaml).observe(context())).toMatchObject({ state: 'unknown' });
  });

  it('is ended with its children when its time is over', async () => {
    await script('cron', 'trap "" TERM; sleep 600 & echo $! > child; wait; wait');
    const slow = ownStep(yaml.replace('timeout: 20s', 'timeout: 400ms'));
    expect(await slow.observe(context())).toMatchObject({
      state: 'unknown',
      error: { message: expect.stringContaining('no answer within 400 ms') },
    });
    const child = Number(await readFile(join(directory, 'child'), 'utf8'));
    await expect.poll(() => alive(child)).toBe(false);
  });

  it('is ended when the run stops', async () => {
    await script('cron', 'sleep 600');
    const stop = new AbortController();
    const observed = ownStep(yaml).observe(context(stop.signal));
    stop.abort();
    expect(await observed).toMatchObject({ state: 'unknown' });
  });
});

/** A process that has ended but was not waited for by its new parent counts as ended. */
async function alive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) [ZX] /.test(stat);
}

describe('an HTTP call', () => {
  let server: Server;
  let url = '';
  let status = 200;
  const seen: { method: string; headers: Record<string, unknown>; body: string }[] = [];
  beforeEach(async () => {
    seen.length = 0;
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push({ method: String(request.method), headers: request.headers, body });
      response.writeHead(status, { location: '/elsewhere' }).end('state of the queue');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/queue`;
  });
  afterEach(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );

  const yaml = () => `steps:
  - name: own
    after: fence
    timeout: 20s
    observe: { http: { method: GET, url: '${url}' } }
    act:
      http: { method: POST, url: '${url}', body: '{"paused":true}', headers: { authorization: file:token } }
    undo: { none: test }
`;

  it.each([
    [200, 'done'],
    [204, 'done'],
    [404, 'pending'],
    [409, 'pending'],
    [302, 'unknown'],
    [503, 'unknown'],
  ])('that answers %i is %s', async (answer, state) => {
    status = answer;
    expect(await ownStep(yaml()).observe(context())).toMatchObject({ state });
  });

  it('carries the body, a header from a secret, and what the run is', async () => {
    status = 202;
    await writeFile(join(directory, 'token'), 'Bearer s3cret\n');
    await ownStep(yaml()).act(context());
    expect(seen).toMatchObject([
      {
        method: 'POST',
        body: '{"paused":true}',
        headers: {
          authorization: 'Bearer s3cret',
          'throwover-run': 'run_1',
          'throwover-to': 'west',
          'throwover-token': '3',
        },
      },
    ]);
  });

  it('is not made without its secret', async () => {
    await expect(ownStep(yaml()).act(context())).rejects.toMatchObject({ code: 'secret-missing' });
    expect(seen).toEqual([]);
  });

  it('that nobody answers is unknown', async () => {
    const step = ownStep(yaml());
    await new Promise((resolve) => server.close(resolve));
    expect(await step.observe(context())).toMatchObject({ state: 'unknown' });
  });
});

describe('what is kept of an action', () => {
  const kept = async (action: Parameters<typeof runAction>[0]) =>
    JSON.stringify(
      await runAction(action, {
        ...{ ...options(), clock: systemClock, timeoutMs: 20_000 },
        facts: { from: 'east', to: 'west', epoch: 7 },
        signal: new AbortController().signal,
      }),
    );

  it('has no secrets of URLs, wherever they stand', async () => {
    const url = 'http://ana:s3cret@127.0.0.1:1/?token=s3cret';
    await script('leak', `echo "no answer from ${url}"; exit 3`);
    expect(await kept({ command: ['./leak', url, 'password=s3cret'] })).toBe(
      JSON.stringify({
        state: 'unknown',
        said: 'exit 3',
        evidence: {
          command: ['./leak', 'http://***@127.0.0.1:1/?token=***', 'password=***'],
          exit: 3,
          output: 'no answer from http://***@127.0.0.1:1/?token=***',
        },
      }),
    );
    expect(await kept({ command: [`./${url}`] })).not.toContain('s3cret');
    // The client refuses a URL with a user, and names it.
    const called = await kept({ http: { method: 'GET', url } });
    expect(called).toContain('"url":"http://***@127.0.0.1:1/?token=***"');
    expect(called).not.toContain('s3cret');
  });

  it('has none of a URL of which the kept part holds only the end', async () => {
    const long = 'x'.repeat(4_090);
    await script('leak', `printf 'http://ana:s3cret@host/ %s' ${long}; exit 3`);
    const output = await kept({ command: ['./leak'] });
    expect(output).toContain(long);
    expect(output).not.toContain('ret@');
  });
});

describe('a check', () => {
  const yaml = `checks:
  - { name: drained, observe: { command: [./queue] }, override: allow-queue }
  - { name: other, runs: [flip-only], observe: { command: [./queue] } }
`;
  const check = async () => {
    const facts = { from: 'east', to: 'west', epoch: 7 };
    const guards = ownGuards(declared(yaml).checks, facts, options());
    expect(guards.map(({ name }) => name)).toEqual(['drained']);
    const { signal } = new AbortController();
    return guards[0]?.check({ clock: systemClock, signal });
  };

  it('lets through what it sees done', async () => {
    await script('queue', '[ "$THROWOVER_TO" = west ]');
    expect(await check()).toEqual([]);
  });

  it.each([
    ['pending', 'exit 1', 'drained does not hold: exit 1'],
    ['not seen', 'exit 9', 'drained could not be seen to hold: exit 9'],
  ])('refuses what is %s, and names its override', async (_, body, message) => {
    await script('queue', body);
    expect(await check()).toMatchObject([
      { override: 'allow-queue', error: { code: 'own-check-refused', message } },
    ]);
  });
});
