import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'throwover/kernel';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { RoundTraffic } from '../chaos/traffic.ts';
import { labEnv, nodeOptions } from '../world/child.ts';
import { Lab } from '../world/lab.ts';
import { labOptions } from '../world/options.ts';
import { throwoverBin } from '../world/specs.ts';
import { missingOrders } from '../world/survivors.ts';
import { throwover, throwoverJson } from '../world/throwover-cli.ts';
import { TmuxTerminal } from './tmux.fixture.ts';

const portBase = 25_700;
const timeoutMs = 300_000;
const stepMs = 60_000;

const people = ['ana@example.com', 'bo@example.com', 'cy@example.com'];
const noTmux = spawnSync('which', ['tmux']).status !== 0;

let lab: Lab;
let dir: string;

describe.skipIf(noTmux)(noTmux ? 'a drill (skipped: no tmux)' : 'a drill', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'throwover-drill-'));
    lab = await Lab.up(
      labOptions({
        ...{ portBase, dir, lagProfile: 'none', latencyMs: 5 },
        // Little traffic: while a database is closed each request keeps a function instance, and on
        // a busy machine 30 requests/s reached the account's limit of 100. More than half of the
        // requests then failed for 15 s, and the drill ended early, as it should.
        ...{ warm: 6, requestsPerSecond: 10, patienceMs: 30_000 },
      }),
    );
  }, timeoutMs);

  // Removes the traffic, the run and the drill of a failed test, so that the next test can begin.
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await lab.reset();
  }, timeoutMs);

  afterAll(async () => {
    await lab?.down();
    rmSync(dir, { recursive: true, force: true });
  }, timeoutMs);

  test(
    'driven in a terminal, with a typo, a hesitation and a handover: there and back, no write lost, and a report that says how it went',
    async () => {
      await declareDrills('switchover-and-back');
      const traffic = await RoundTraffic.start(lab, 'drill');
      const { terminal, sees } = await driving('--override', 'forecast');
      let hesitatedMs = 0;
      try {
        await sees(/ana@example\.com: you drive east to west and back/);
        await terminal.types('anna');
        await sees(/"anna" is not it/);
        await terminal.types('ana');

        await sees(/Which region is active\? Type its name/);
        // The driver hesitates while the service answers.
        const sinceMs = systemClock.monotonicMs();
        await traffic.more(100, stepMs);
        hesitatedMs = systemClock.monotonicMs() - sinceMs;
        await terminal.types('help');
        await sees(/throwover check/);
        await terminal.types('east');

        const [, there = ''] = await sees(
          /ana@example\.com: Type these words to begin\.\s+"([^"]+)"/,
        );
        await terminal.types('f the plan says west, the wiki still says eu-west-1');
        await sees(/Finding: the plan says west/);
        await terminal.types(there.replace('west', 'wets'));
        await sees(/is not it/);
        await terminal.types('hand bo');
        await sees(/bo@example\.com: Type these words/);
        await terminal.types(there);

        await sees(/bo@example\.com: Which region is active now\?/);
        expect(await lab.active()).toBe('west');
        await terminal.types('west');
        const [, back = ''] = await sees(
          /bo@example\.com: Type these words to begin\.\s+"([^"]+)"/,
        );
        await terminal.types(back);
        await sees(/There and back: the service is in east/);
        await sees(/exit code 0/);
      } finally {
        await terminal.close();
      }
      expect(await lab.active()).toBe('east');

      const { requests } = await traffic.end();
      const written = requests.filter(({ kind, ok }) => kind === 'write' && ok);
      expect(written.length).toBeGreaterThan(50);
      const keys = written.flatMap(({ key }) => (key === null ? [] : [key]));
      expect(await missingOrders(lab.map, 'east', keys)).toEqual([]);

      const report = await throwoverJson<Report>(['drill', 'report'], dir);
      expect(report.verdict).toBe('met');
      expect(report.legs.map(({ leg, status }) => `${leg} ${status}`)).toEqual([
        'there succeeded',
        'back succeeded',
      ]);
      expect(
        report.people.map(({ person, step, typos, helped, handedOverTo }) => {
          return [person, step, typos, helped, handedOverTo];
        }),
      ).toEqual([
        ['ana@example.com', 'name', 1, 0, null],
        ['ana@example.com', 'look', 0, 1, null],
        ['ana@example.com', 'approve', 1, 0, 'bo@example.com'],
        ['bo@example.com', 'approve', 0, 0, null],
        ['bo@example.com', 'verify', 0, 0, null],
        ['bo@example.com', 'return', 0, 0, null],
      ]);
      const look = report.people.find(({ step }) => step === 'look');
      expect(look?.seconds).toBeGreaterThanOrEqual(hesitatedMs / 1_000);
      expect(report.findings.map(({ source }) => source).sort()).toEqual([
        'guard-overridden',
        'handed-over',
        'person',
      ]);
      const page = await throwover(['drill', 'report'], { cwd: dir });
      expect(page.stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'of the loss of a region: its users are cut off, the other one takes over, it comes back in, and home again; no write lost',
    async () => {
      await declareDrills('region-loss');
      const traffic = await RoundTraffic.start(lab, 'drill-of-a-loss');
      const { terminal, sees } = await driving('--override', 'forecast', '--override', 'due');
      const person = (question: string) => sees(new RegExp(`ana@example\\.com: ${question}`));
      const begins = async () => {
        const [, words = ''] = await sees(/Type these words to begin\.\s+"([^"]+)"/);
        await terminal.types(words);
        return words;
      };
      try {
        await person('you drive east to west and back');
        await terminal.types('ana');
        await person('Which region is active');
        await terminal.types('east');
        expect(await begins()).toBe('checkout to west, dropping requests at east, and back');
        await person('Which region is active now');
        await terminal.types('west');
        // Attached again as a standby; then home.
        await begins();
        await begins();
        await sees(/There and back: the service is in east/);
        await sees(/exit code 0/);
      } finally {
        await terminal.close();
      }
      expect(await lab.active()).toBe('east');
      const { requests } = await traffic.end();
      const keys = requests.flatMap(({ kind, ok, key }) =>
        kind === 'write' && ok && key !== null ? [key] : [],
      );
      expect(keys.length).toBeGreaterThan(50);
      expect(await missingOrders(lab.map, 'east', keys)).toEqual([]);
      expect(requests.filter(({ ok }) => !ok).length).toBeGreaterThan(0);
      const { drill, legs, objectives } = await throwoverJson<Report>(['drill', 'report'], dir);
      expect(legs.map(({ leg, kind, status }) => `${leg} ${kind} ${status}`)).toEqual([
        'there failover succeeded',
        'rejoin rejoin succeeded',
        'back failback succeeded',
      ]);
      expect(drill).toMatchObject({ kind: 'region-loss', ended: { outcome: 'whole' } });
      expect(objectives.filter(({ name }) => name === 'rpo')).toMatchObject([
        { met: true },
        { met: true },
      ]);
    },
    timeoutMs,
  );
});

/** Runs `throwover drill start` in a terminal; `sees` waits for new text there. */
async function driving(...options: string[]) {
  const terminal = await TmuxTerminal.open({
    name: `throwover-drill-${process.pid}`,
    cwd: dir,
    env: { ...labEnv, PATH: process.env['PATH'] ?? '' },
    command: [process.execPath, ...nodeOptions, throwoverBin, 'drill', 'start', ...options],
  });
  let read = 0;
  const sees = async (wanted: RegExp) => {
    const found = await terminal.sees(wanted, read, stepMs);
    read += found.index + found[0].length;
    return found;
  };
  return { terminal, sees };
}

interface Report {
  readonly verdict: string;
  readonly drill: { readonly kind: string };
  readonly legs: readonly {
    readonly leg: string;
    readonly kind: string;
    readonly status: string;
  }[];
  readonly objectives: readonly { readonly name: string; readonly met: boolean | null }[];
  readonly people: readonly {
    readonly person: string;
    readonly step: string;
    readonly seconds: number | null;
    readonly typos: number;
    readonly helped: number;
    readonly handedOverTo: string | null;
  }[];
  readonly findings: readonly { readonly source: string }[];
}

/**
 * Adds to the lab's throwover.yaml a rota of three people and a drill that is due today, at
 * whatever hour the test runs.
 */
async function declareDrills(kind: string): Promise<void> {
  const file = join(dir, 'throwover.yaml');
  const declared = parse(await readFile(file, 'utf8'));
  const now = new Date();
  // A zone in which it is about noon: its day and its window do not end during the test.
  const east = 12 - now.getUTCHours();
  const zone = east === 0 ? 'UTC' : `Etc/GMT${east > 0 ? '-' : '+'}${Math.abs(east)}`;
  const drilled = {
    ...declared,
    onCall: people,
    drills: {
      every: 'FREQ=MONTHLY;INTERVAL=3',
      from: now.toISOString().slice(0, 10),
      zone,
      windows: [
        { days: ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'], from: '00:00', until: '23:59' },
      ],
      // 10 s in the lab.
      soak: '10m',
      kinds: [kind],
      abort: { errorRate: 0.2, lag: '10s', loss: '0s' },
    },
  };
  await writeFile(file, stringify(drilled));
}
