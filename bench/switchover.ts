import { isoTime, systemClock } from 'throwover/kernel';
import type { Switchable, WrappedRound } from './contender.ts';
import { benchCases } from './contenders.ts';
import { spread, spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { startThrowover } from './ours.ts';
import { patroni, repmgr } from './peers/entrants.ts';
import { readRecorded, record } from './peers/recorded.ts';
import { playRounds, ratiosTo, roundsIn, spreads, totals } from './rounds.ts';
import { startFloor } from './switchover-floor.ts';
import type { TimeLeft } from './time-left.ts';

/** Latencies between the regions, one way, ms: none, and between two coasts of one continent. */
const latenciesMs = [0, 40] as const;

/** Rounds of each contender at each latency. */
const defaultRounds = { quick: 1, full: 10, peers: 7 } as const;

/** Targets: our median gap divided by the contender's is at most this. */
const aims: Readonly<Record<string, number>> = {
  floor: 1.5,
  patroni: 0.12,
  repmgr: 0.12,
  'repmgr-default': 0.12,
};

type LatencyFigures = NonNullable<Awaited<ReturnType<typeof measureLatency>>>;

/**
 * Measures the write gap of a planned switch: one writer at a 1 ms pace, connected directly to
 * PostgreSQL, follows the primary; the figure is the longest time between two acknowledged writes.
 * All contenders run at once, take turns round by round, and are measured by the same code, so that
 * a noisy minute affects them all. After that, separate switches measure requests behind the writer
 * wrapper.
 */
export async function benchSwitchover(options: BenchOptions) {
  const { quick, peers, say } = options;
  const { measured, pgBin, leftOut } = await benchCases<Switchable, number, LatencyFigures>(
    options,
    {
      title: 'write gap of a planned switch, ms',
      rounds: defaultRounds,
      own: (pgBin) => [
        { name: 'floor', start: (place) => startFloor({ ...place, pgBin }) },
        { name: 'throwover', start: (place) => startThrowover({ ...place, pgBin }) },
      ],
      peers: (pgBin) => [
        patroni(pgBin, 'patroni', 'default'),
        repmgr(pgBin, 'repmgr', 'default', 'documented'),
        repmgr(pgBin, 'repmgr-default', 'default', 'default'),
      ],
      cases: latenciesMs,
      measure: (contenders, latencyMs, at) => measureLatency(contenders, { latencyMs, say, ...at }),
    },
  );
  const recorded = peers ? null : (await readRecorded()).switchover;
  if (recorded !== null) sayRecorded(recorded, say);
  if (options.record) await keep(measured, pgBin);
  return { bench: 'switchover', quick, peers, pgBin, aims, latencies: measured, leftOut, recorded };
}

async function measureLatency(
  contenders: readonly Switchable[],
  at: { latencyMs: number; rounds: number; say: (line: string) => void; time: TimeLeft },
) {
  const { latencyMs, say, time } = at;
  for (const contender of contenders) await contender.setLatency(latencyMs);
  const turn = contenders.map(switchOf);
  const fits = (round: number) => time.fits(turn, `round ${round} at ${latencyMs} ms one way`);
  const measured = await playRounds(contenders, { rounds: at.rounds, fits }, (contender, round) =>
    time.timed(switchOf(contender), () => contender.switchover(round)),
  );
  const rounds = roundsIn(measured);
  if (rounds === 0) return null;
  const writeGapMs = spreads(measured, (one) => one.writeGapMs);
  const ratios = ratiosTo(writeGapMs['throwover'], writeGapMs);
  const writesLost = totals(measured, (one) => one.writesLost);
  const figures = {
    /** Rounds of each contender; fewer than asked for where a quick bench had no time left. */
    ...{ latencyMs, rounds, writeGapMs },
    /** throwover's median divided by the other's. */
    ...{ ratios, writesLost },
    /**
     * Additional switches, under requests behind the writer wrapper; sums over all of them. Empty
     * where there was no time for one.
     */
    wrapped: await measureWrapped(contenders, { latencyMs, rounds, time }),
  };
  for (const line of [...tableOf(figures), ...wrappedLines(figures.wrapped)]) say(line);
  return figures;
}

/** A switch costs the same with either load. */
const switchOf = ({ name }: Switchable) => `a switch of ${name}`;

async function measureWrapped(
  contenders: readonly Switchable[],
  at: { latencyMs: number; rounds: number; time: TimeLeft },
) {
  const { latencyMs, rounds, time } = at;
  const figures: Record<string, ReturnType<typeof wrappedFigures>> = {};
  for (const contender of contenders) {
    if (contender.wrapped === undefined) continue;
    const wrapped = contender.wrapped.bind(contender);
    const kind = switchOf(contender);
    const fits = (round: number) =>
      time.fits([kind], `round ${round} with the writer wrapper at ${latencyMs} ms`);
    const played = await playRounds([contender], { rounds, fits }, (_, round) =>
      time.timed(kind, () => wrapped(round)),
    );
    const all = played.get(contender.name) ?? [];
    if (all.length > 0) figures[contender.name] = wrappedFigures(all);
  }
  return figures;
}

function wrappedFigures(all: readonly WrappedRound[]) {
  const sum = (figure: (one: WrappedRound) => number) =>
    all.reduce((total, one) => total + figure(one), 0);
  return {
    rounds: all.length,
    requests: sum((one) => one.requests),
    failed: sum((one) => one.failed),
    writesLost: sum((one) => one.writesLost),
    /** The longest wait of each round, ms. */
    longestMs: spread(all.map((one) => one.longestMs)),
  };
}

function wrappedLines(wrapped: LatencyFigures['wrapped']): readonly string[] {
  return Object.entries(wrapped).map(
    ([name, { rounds, requests, failed, writesLost, longestMs }]) =>
      `${name} with the writer wrapper, ${rounds} rounds: ${failed} of ${requests} requests ` +
      `failed, ${writesLost} lost; the longest waited ${spreadText(longestMs)} ms`,
  );
}

function tableOf({
  latencyMs,
  rounds,
  writeGapMs,
  ratios,
  writesLost,
}: Omit<LatencyFigures, 'wrapped'>) {
  return table([
    [`${latencyMs} ms one way, ${rounds} rounds`, 'min / median / max', 'lost', 'ours', 'aim'],
    ...Object.entries(writeGapMs).map(([name, gap]) => [
      name,
      spreadText(gap),
      String(writesLost[name] ?? ''),
      ratios[name] === undefined ? '' : `${ratios[name].toFixed(2)}x`,
      aims[name] === undefined ? '' : `${aims[name]}x`,
    ]),
  ]);
}

type Kept = NonNullable<Awaited<ReturnType<typeof readRecorded>>['switchover']>;

function sayRecorded({ date, conditions, latencies }: Kept, say: (line: string) => void): void {
  say(`recorded on ${date}, not measured now; ${conditions}`);
  for (const { latencyMs, writeGapMs } of latencies) {
    const rounds = Math.max(...Object.values(writeGapMs).map(({ count }) => count));
    const ratios = ratiosTo(writeGapMs['throwover'], writeGapMs);
    const lines = tableOf({ latencyMs, rounds, writeGapMs, ratios, writesLost: {} });
    for (const line of lines) say(line);
  }
}

async function keep(latencies: readonly LatencyFigures[], pgBin: string | null): Promise<void> {
  await record({
    switchover: {
      date: isoTime(systemClock.wallMs()).slice(0, 10),
      conditions: `one run, PostgreSQL of ${pgBin}`,
      latencies: latencies.map(({ latencyMs, writeGapMs }) => ({ latencyMs, writeGapMs })),
    },
  });
}
