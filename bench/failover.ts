import { isoTime, systemClock } from 'throwover/kernel';
import type { FailsOver, Loss } from './contender.ts';
import { benchCases } from './contenders.ts';
import { secondsText, spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { startThrowover } from './ours.ts';
import { patroni, repmgr } from './peers/entrants.ts';
import { readRecorded, record } from './peers/recorded.ts';
import { playRounds, ratiosTo, roundsIn, spreads, totals } from './rounds.ts';
import type { TimeLeft } from './time-left.ts';

interface Case {
  readonly latencyMs: number;
  readonly loss: Loss;
}

/**
 * How the side is lost, at which latency: killed with the sides close together, and frozen with two
 * coasts between them.
 */
const cases = [
  { latencyMs: 0, loss: 'kill' },
  { latencyMs: 40, loss: 'freeze' },
] as const satisfies readonly Case[];

const defaultRounds = { quick: 1, full: 7, peers: 7 } as const;

type CaseFigures = NonNullable<Awaited<ReturnType<typeof measureCase>>>;

/**
 * Measures the loss of the primary's side: server and agents killed at once, or frozen (silent, the
 * realistic case). The figure is the time to the first write acknowledged on the other side by the
 * same following writer.
 */
export async function benchFailover(options: BenchOptions) {
  const { quick, peers, say } = options;
  const only = options.only ?? (quick ? inQuick : byDefault);
  const { measured, pgBin, leftOut } = await benchCases<FailsOver, Case, CaseFigures>(
    { ...options, only },
    {
      title: 'first write on the other side after a loss, ms',
      rounds: defaultRounds,
      own: (pgBin) => [
        { name: 'throwover', start: (place) => startThrowover({ ...place, pgBin }) },
        {
          name: 'throwover-standing',
          start: (place) => startThrowover({ ...place, pgBin, standing }),
        },
      ],
      peers: (pgBin) => [
        patroni(pgBin, 'patroni-minimum', 'minimum'),
        patroni(pgBin, 'patroni-below', 'belowMinimum'),
        repmgr(pgBin, 'repmgr-fast', 'fast', 'documented'),
        patroni(pgBin, 'patroni', 'default'),
        repmgr(pgBin, 'repmgr', 'default', 'documented'),
      ],
      cases,
      measure: (contenders, one, at) => measureCase(contenders, { ...one, say, ...at }),
    },
  );
  const recorded = peers ? null : (await readRecorded()).failover;
  if (recorded !== null) sayRecorded(recorded, say);
  if (options.record) await keep(measured, pgBin);
  return { bench: 'failover', quick, peers, pgBin, losses: measured, leftOut, recorded };
}

/**
 * repmgr's fast settings wait one second between the look that fails and the one that decides; so
 * does this.
 */
const standing = { every: '500ms', for: '1s' } as const;

/**
 * Each peer with its fastest settings; a peer with its defaults (a minute for each round) runs only
 * when it is named.
 */
const byDefault = [
  'throwover',
  'throwover-standing',
  'patroni-minimum',
  'patroni-below',
  'repmgr-fast',
];

/** A second lab, with a standing mandate, would take all the time of a quick bench. */
const inQuick = byDefault.filter((name) => name !== 'throwover-standing');

async function measureCase(
  contenders: readonly FailsOver[],
  at: Case & { rounds: number; say: (line: string) => void; time: TimeLeft },
) {
  const { latencyMs, loss, say, time } = at;
  const kindOf = ({ name }: FailsOver) => `a loss of ${name}'s side`;
  const turn = contenders.map(kindOf);
  for (const contender of contenders) await contender.setLatency(latencyMs);
  const fits = (round: number) => time.fits(turn, `${loss} at ${latencyMs} ms, round ${round}`);
  const measured = await playRounds(contenders, { rounds: at.rounds, fits }, (contender, round) =>
    time.timed(kindOf(contender), () => contender.failover(round, loss)),
  );
  const rounds = roundsIn(measured);
  if (rounds === 0) return null;
  const lossToFirstWriteMs = spreads(measured, (one) => one.lossToFirstWriteMs);
  const approvalToFirstWriteMs = spreads(measured, (one) => one.approvalToFirstWriteMs);
  const figures = {
    ...{ latencyMs, loss, rounds },
    /**
     * The peers ask nobody, so their detection is included. For throwover: an operator who answers
     * at once.
     */
    lossToFirstWriteMs,
    /** Time from the approval; only throwover has one. */
    approvalToFirstWriteMs,
    /** Rounds without a write on the other side in the allowed time; they are in no other figure. */
    neverWritten: totals(measured, (one) => (one.lossToFirstWriteMs === null ? 1 : 0)),
    /** throwover's median from the approval divided by the other's from the loss. */
    ratios: ratiosTo(approvalToFirstWriteMs['throwover'], lossToFirstWriteMs),
    /** The same with a standing mandate, both from the loss: nobody is asked on either side. */
    standingRatios: ratiosTo(lossToFirstWriteMs['throwover-standing'], lossToFirstWriteMs),
    /** Acknowledged writes lost in a round, with asynchronous replication. */
    writesLost: spreads(measured, (one) =>
      one.lossToFirstWriteMs === null ? null : one.writesLost,
    ),
  };
  for (const line of linesOf(figures)) say(line);
  return figures;
}

type Shown = Pick<CaseFigures, 'latencyMs' | 'rounds' | 'lossToFirstWriteMs' | 'neverWritten'> &
  Partial<
    Pick<CaseFigures, 'approvalToFirstWriteMs' | 'writesLost' | 'ratios' | 'standingRatios'>
  > & {
    readonly loss: string;
  };

function linesOf(shown: Shown): readonly string[] {
  const never = Object.entries(shown.neverWritten).filter(([, count]) => count > 0);
  return [
    ...tableOf(shown),
    ...never.map(
      ([name, count]) =>
        `${name}: no write on the other side at all in ${count} of ${shown.rounds} rounds`,
    ),
  ];
}

function tableOf({ latencyMs, loss, rounds, lossToFirstWriteMs, ...shown }: Shown) {
  return table([
    [
      `${loss}, ${latencyMs} ms, ${rounds} rounds`,
      'from loss, s',
      'from approval, s',
      'lost',
      'ours',
      'standing',
    ],
    ...Object.entries(lossToFirstWriteMs).map(([name, times]) => {
      const approval = shown.approvalToFirstWriteMs?.[name];
      const lost = shown.writesLost?.[name];
      const ratioText = (ratio: number | undefined) =>
        ratio === undefined ? '' : `${ratio.toFixed(2)}x`;
      return [
        name,
        secondsText(times),
        approval === undefined ? '-' : secondsText(approval),
        lost === undefined ? '' : spreadText(lost),
        ratioText(shown.ratios?.[name]),
        ratioText(shown.standingRatios?.[name]),
      ];
    }),
  ]);
}

type Kept = NonNullable<Awaited<ReturnType<typeof readRecorded>>['failover']>;

function sayRecorded({ date, conditions, losses }: Kept, say: (line: string) => void): void {
  say(`recorded on ${date}, not measured now; ${conditions}`);
  for (const one of losses) for (const line of linesOf(one)) say(line);
}

async function keep(losses: readonly CaseFigures[], pgBin: string | null): Promise<void> {
  await record({
    failover: {
      date: isoTime(systemClock.wallMs()).slice(0, 10),
      conditions: `one run, PostgreSQL of ${pgBin}`,
      losses: losses.map(({ latencyMs, loss, rounds, lossToFirstWriteMs, neverWritten }) => ({
        ...{ latencyMs, loss, rounds, lossToFirstWriteMs, neverWritten },
      })),
    },
  });
}
