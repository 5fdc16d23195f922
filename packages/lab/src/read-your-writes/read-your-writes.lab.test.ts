import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab } from '../world/lab.ts';
import {
  lineOf,
  type Measured,
  measureReadYourWrites,
  readYourWritesLab,
} from './read-your-writes.ts';

/**
 * Separate from a lab by hand (7600), from that of the command (12000) and from the other tests'
 * (9100, 13100).
 */
const portBase = 12_100;

/** Long enough for a loaded machine; this file asserts nothing about durations. */
const timeoutMs = 400_000;

let lab: Lab;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'throwover-read-your-writes-test-'));
  lab = await Lab.up(readYourWritesLab({ portBase, dir }));
}, timeoutMs);

afterAll(async () => {
  await lab?.down();
  rmSync(dir, { recursive: true, force: true });
}, timeoutMs);

test(
  'no read with a token is stale through two switchovers and a failover, and lost is said of what is lost and of nothing else',
  async () => {
    let measured: Measured | null = null;
    // This seed begins with the failover: the first way home is a failback.
    const asked = { switchovers: 2, failovers: 1, seed: 7, quietAnswers: 150 };
    await measureReadYourWrites(lab, asked, (sofar) => {
      measured = sofar;
    });
    const { rounds = [], quiet, waitedMs } = (measured as Measured | null) ?? {};
    console.log(rounds.map(lineOf).join('\n'));
    expect(rounds.map(({ violations }) => violations)).toEqual([[], [], []]);
    expect(rounds.map(({ kind }) => kind)).toEqual(['failover', 'switchover', 'switchover']);
    const sum = (of: (round: Measured['rounds'][number]) => number) =>
      rounds.reduce((all, round) => all + of(round), 0);
    expect(sum(({ withToken }) => withToken.stale)).toBe(0);
    // Otherwise this proves nothing: the same reads without a token did miss their writes,
    expect(sum(({ withoutToken }) => withoutToken.stale)).toBeGreaterThan(0);
    expect(sum(({ withToken }) => withToken.fresh)).toBeGreaterThan(50);
    // and something was lost and was reported.
    expect(sum(({ lost }) => lost)).toBeGreaterThan(0);
    expect(sum(({ lostSaid }) => lostSaid)).toBe(sum(({ lost }) => lost));
    expect(waitedMs?.count).toBeGreaterThan(50);
    expect(quiet?.replica.withToken?.count).toBeGreaterThan(0);
  },
  timeoutMs,
);
