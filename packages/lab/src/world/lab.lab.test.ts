import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { askMachine, askMachineText } from './ask-machine.ts';
import { labEnv, nodeOptions } from './child.ts';
import { askJson, until } from './json.ts';
import { Lab } from './lab.ts';
import { labMap } from './map.ts';
import { startMailServer, startReceiver } from './notices.fixture.ts';
import { labOptions } from './options.ts';
import { throwoverBin } from './specs.ts';
import { runController, throwover } from './throwover-cli.ts';

/** Separate from a lab by hand (7600) and from benchmarks (8600). */
const portBase = 9_100;

/** Long enough for a loaded machine; this file asserts nothing about durations. */
const timeoutMs = 120_000;

const exit = { ok: 0, refused: 3, undone: 4, otherRun: 6, away: 7 };

let lab: Lab;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'throwover-lab-test-'));
  lab = await Lab.up(
    labOptions({ portBase, dir, lagProfile: 'none', latencyMs: 5, keepWarm: '6s' }),
  );
}, timeoutMs);

afterAll(async () => {
  await lab?.down();
  rmSync(dir, { recursive: true, force: true });
}, timeoutMs);

async function json(...args: string[]) {
  const { exitCode, stdout } = await throwover([...args, '--json'], { cwd: dir });
  return { exitCode, answer: JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') };
}

async function digestTo(region: string): Promise<string> {
  return (await json('plan', 'switchover', '--to', region)).answer.digest;
}

/** Checks the state that an undone run must leave unchanged. */
async function untouched(active: 'east' | 'west') {
  const { guard, doorAdmin } = lab.map.regions[active].public;
  const database = await askMachine<{ role: string; closed: object | null }>(
    lab.map,
    guard,
    '/v1/status',
  );
  const door = await askMachine<{ current: { mode: string } }>(lab.map, doorAdmin, '/v1/door');
  const gateways = await Promise.all(
    Object.values(lab.map.regions).map((region) =>
      askMachine<{ current: { mode: string } }>(lab.map, region.public.gatewayAdmin, '/v1/gateway'),
    ),
  );
  return {
    active: await lab.active(),
    role: database.role,
    closed: database.closed,
    door: door.current.mode,
    gateways: gateways.map(({ current }) => current.mode),
  };
}

const asBefore = (active: string) => ({
  active,
  role: 'primary',
  closed: null,
  door: 'serve',
  gateways: ['deliver', 'deliver'],
});

describe('a switchover meets', () => {
  test(
    'a second run while one is open: refused, and the first is carried on',
    async () => {
      const digest = await digestTo('west');
      const killed = await runController(['switchover', 'west', digest, 'after:1'], dir);
      expect(killed.signal).toBe('SIGKILL');
      // At once: 15 s after the last sign of its controller, `serve` carries the run on by itself.
      const second = await json('switchover', '--to', 'west', '--yes', digest);
      expect(second).toMatchObject({
        exitCode: exit.otherRun,
        answer: { error: { code: 'run-in-progress' } },
      });
      const resumed = await json('resume', '--takeover');
      expect(resumed.exitCode).toBe(exit.ok);
      expect(await lab.active()).toBe('west');
    },
    timeoutMs,
  );

  test(
    'Ctrl-C before the point of no return: everything is taken back',
    async () => {
      // More than the bound of 200 ms: the run waits for its lag and cannot go on.
      await lab.setLatency(400);
      const run = spawn(
        process.execPath,
        [...nodeOptions, throwoverBin, 'switchover', '--to', 'east', '--json'].concat([
          '--yes',
          await digestTo('east'),
        ]),
        { cwd: dir, env: { ...process.env, ...labEnv }, stdio: ['ignore', 'ignore', 'pipe'] },
      );
      let events = '';
      run.stderr.on('data', (chunk: Buffer) => {
        events += chunk.toString();
      });
      await writes(async () => {
        await until(
          'the run waits for its lag',
          async () => /"step-started","step":"wait-for-lag"/.test(events),
          { timeoutMs },
        );
        // A look has reported that the lag is too high, so the run really waits.
        await until('it has looked', async () => /lagMs/.test(events), { timeoutMs });
        run.kill('SIGINT');
      });
      const [code] = await once(run, 'exit');
      expect(code).toBe(exit.undone);
      await lab.setLatency(5);
      expect(await untouched('west')).toEqual(asBefore('west'));
    },
    timeoutMs,
  );

  test(
    'a dead standby region: refused before anything changes; back again, it goes',
    async () => {
      await lab.kill('east');
      const digest = (await json('plan', 'switchover', '--to', 'east')).answer.digest;
      const refused = await json('switchover', '--to', 'east', '--yes', digest);
      expect([exit.refused, exit.away]).toContain(refused.exitCode);
      await lab.bringBack('east');
      const { guard } = lab.map.regions.east.public;
      await until(
        'the standby streams again',
        async () =>
          (await askMachine<{ streaming: boolean }>(lab.map, guard, '/v1/status')).streaming,
        { timeoutMs },
      );
      const moved = await json('switchover', '--to', 'east', '--yes', await digestTo('east'));
      expect(moved.exitCode).toBe(exit.ok);
      expect(await lab.active()).toBe('east');
    },
    timeoutMs,
  );

  test(
    'a frozen or cut off standby: check says so, and says ready when it is over',
    async () => {
      await lab.freeze('west');
      expect((await json('check')).exitCode).not.toBe(exit.ok);
      await lab.thaw('west');
      await lab.cut('west');
      expect((await json('check')).exitCode).not.toBe(exit.ok);
      await lab.restore('west');
      await until('check says ready', async () => (await json('check')).exitCode === exit.ok, {
        timeoutMs,
      });
    },
    timeoutMs,
  );

  test(
    'a TTL that is lowered first: the old one is waited out, and the flip writes it back',
    async () => {
      const { route53, zoneId, hostname } = lab.map;
      // The TTL in the zone: the lab's DNS answers are scaled.
      const ttl = async () => {
        const sets = `http://${route53.host}:${route53.port}/2013-04-01/hostedzone/${zoneId}/rrset`;
        const xml = await (await fetch(sets)).text();
        const [own = ''] = xml
          .split('</ResourceRecordSet>')
          .filter(
            (set) => set.includes(`<Name>${hostname}.</Name>`) && set.includes('<Type>A</Type>'),
          );
        return Number(/<TTL>(\d+)<\/TTL>/.exec(own)?.[1]);
      };
      const declared = parse(await readFile(join(dir, 'throwover.yaml'), 'utf8'));
      const traffic = { ...declared.traffic, lowerTtl: '5s' };
      await writeFile(join(dir, 'lowered.yaml'), stringify({ ...declared, traffic }));
      const config = ['--config', 'lowered.yaml'];
      const to = 'west';
      const { answer: planned } = await json('plan', 'switchover', '--to', to, ...config);
      const before = await ttl();
      const run = json('switchover', '--to', to, '--yes', planned.digest, ...config);
      await until('the zone has the low TTL', async () => (await ttl()) === 5, {
        timeoutMs,
      });
      expect(await run).toMatchObject({ exitCode: exit.ok });
      expect({ before, after: await ttl() }).toEqual({ before: 60, after: 60 });
      const { answer } = await json('show', (await run).answer.runId);
      const lowered = answer.records.find(
        (record: { type: string; step?: string }) =>
          record.type === 'outcome' && record.step === 'lower-ttl',
      );
      // 60 s of life time are 1 s here.
      expect(lowered.evidence).toMatchObject({ ttlSeconds: 5, formerSeconds: 60 });
      expect(lowered.evidence.waitedMs).toBeGreaterThanOrEqual(1_000);
      const home = await json('switchover', '--to', 'east', '--yes', await digestTo('east'));
      expect(home.exitCode).toBe(exit.ok);
    },
    timeoutMs,
  );

  test('a region that is not there, and one that is active already: refused', async () => {
    expect((await json('plan', 'switchover', '--to', 'north')).answer.error.code).toBe(
      'no-such-region',
    );
    expect((await json('plan', 'switchover', '--to', 'east')).answer.error.code).toBe(
      'already-active',
    );
  });
});

test(
  'a real run is told by signed webhook and by e-mail; a receiver that fails does not stop it',
  async () => {
    const [hook, broken, mail] = await Promise.all([
      startReceiver(200),
      startReceiver(500),
      startMailServer(),
    ]);
    try {
      const declared = await readFile(join(dir, 'throwover.yaml'), 'utf8');
      const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
      await writeFile(join(dir, 'notice.key'), secret);
      const notify = {
        webhooks: [{ url: hook.url, secret: 'file:notice.key' }, { url: broken.url }],
        email: { server: mail.url, from: 'throwover@example.test', to: ['on-call@example.test'] },
      };
      await writeFile(join(dir, 'told.yaml'), `${declared}notify: ${JSON.stringify(notify)}\n`);
      const { answer } = await json('plan', 'switchover', '--to', 'west', '--config', 'told.yaml');
      const moved = await json(
        ...['switchover', '--to', 'west', '--yes', answer.digest, '--config', 'told.yaml'],
      );
      expect(moved.exitCode).toBe(exit.ok);
      // Verified by the specification's own library.
      const told = hook.posted.map(
        ({ headers, body }) =>
          new Webhook(secret).verify(body, headers as Record<string, string>) as { type: string },
      );
      expect(told.map(({ type }) => type)).toEqual([
        'throwover.started',
        'throwover.no-way-back',
        'throwover.done',
      ]);
      expect(broken.posted.length).toBeGreaterThan(0);
      expect(mail.lines.filter((line) => line.startsWith('Subject: '))).toEqual([
        expect.stringContaining('Started: switchover of checkout from east to west'),
        expect.stringContaining('No way back: switchover of checkout'),
        expect.stringContaining('Done: switchover of checkout'),
      ]);
      const back = await json('switchover', '--to', 'east', '--yes', await digestTo('east'));
      expect(back.exitCode).toBe(exit.ok);
    } finally {
      for (const server of [hook, broken, mail]) server.close();
    }
  },
  timeoutMs,
);

test(
  'serve tells Prometheus who writes, how far the standby is behind, and which parts answer',
  async () => {
    const scraped = () => askMachineText(lab.map, lab.map.store, '/metrics');
    const active = await lab.active();
    const standby = active === 'east' ? 'west' : 'east';
    await until(
      'every part has answered',
      async () => {
        const text = await scraped();
        const parts = text.match(/^throwover_part_up.*$/gm) ?? [];
        return parts.length >= 9 && parts.every((line) => line.endsWith(' 1'));
      },
      { timeoutMs },
    );
    const text = await scraped();
    for (const line of [
      `throwover_writer{service="checkout",region="${active}"} 1`,
      `throwover_writer{service="checkout",region="${standby}"} 0`,
      `throwover_standby_streaming{service="checkout",region="${active}"} 1`,
      'throwover_run_open{service="checkout"} 0',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toMatch(/^throwover_lag_30d_seconds\{.*quantile="1"\} [\d.]+$/m);
  },
  timeoutMs,
);

test('a second lab on the same ports is refused, and the first is not touched', async () => {
  await expect(Lab.up(lab.options)).rejects.toMatchObject({ code: 'lab-running' });
  expect(await lab.active()).toBe('east');
});

test(
  'a taken port: says which process could not have it, and leaves nothing running',
  async () => {
    const other = labOptions({ portBase: portBase + 100, dir: join(dir, 'other') });
    const { dns } = labMap(other.portBase);
    const taken = createServer().listen(dns.port, dns.host);
    await once(taken, 'listening');
    try {
      await expect(Lab.up(other)).rejects.toMatchObject({ code: 'lab-process-failed' });
    } finally {
      taken.close();
    }
    const { control } = labMap(other.portBase);
    await expect(askJson(control, '/')).rejects.toThrow();
  },
  timeoutMs,
);

/** Keeps writing while `work` runs, so that the standby has something to lag behind. */
async function writes(work: () => Promise<void>): Promise<void> {
  const stopping = new AbortController();
  const door = lab.map.regions[await lab.active()].public.door;
  const writing = (async () => {
    for (let n = 0; !stopping.signal.aborted; n++) {
      await fetch(`http://${door.host}:${door.port}/orders`, {
        method: 'POST',
        headers: { 'idempotency-key': `e2e-${n}`, 'content-type': 'application/json' },
        body: JSON.stringify({ amount: 100, currency: 'EUR' }),
      });
    }
  })();
  try {
    await work();
  } finally {
    stopping.abort();
    await writing;
  }
}
