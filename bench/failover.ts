import { isoTime, systemClock } from 'throwover/kernel';
import type { FailoverRound, FailsOver, Loss } from './contender.ts';
import { benchPgBin, type Entrant, withContenders } from './contenders.ts';
import { type Spread, secondsText, spread, spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { startThrowover } from './ours.ts';
import { patroniPackages, patroniPrograms, startPatroni } from './peers/patroni.ts';
import { patroniTimings } from './peers/patroni-config.ts';
import { readRecorded, record } from './peers/recorded.ts';
import { repmgrPackages, repmgrPrograms, startRepmgr } from './peers/repmgr.ts';
import { repmgrTimings } from './peers/repmgr-config.ts';
import { TimeLeft } from './time-left.ts';

/**
 * How the side is lost, at which latency: killed with the sides close together, and frozen with two
 * coasts between them.
 */
const cases = [
  { latencyMs: 0, loss: 'kill' },
  { latencyMs: 40, loss: 'freeze' },
] as const satisfies readonly { latencyMs: number; loss: Loss }[];

const defaultRounds = { quick: 1, full: 7 } as const;

interface CaseFigures {
  readonly latencyMs: number;
  readonly loss: Loss;
  readonly rounds: number;
  /**
   * The peers ask nobody, so their detection is included. For throwover: an operator who answers at
   * once.
   */
  readonly lossToFirstWriteMs: Readonly<Record<string, Spread>>;
  /** Time from the approval; only throwover has one. */
  readonly approvalToFirstWriteMs: Readonly<Record<string, Spread>>;
  /** Acknowledged writes lost in a round, with asynchronous replication. */
  readonly writesLost: Readonly<Record<string, Spread>>;
  /** Rounds without a write on the other side in the allowed time; they are in no other figure. */
  readonly neverWritten: Readonly<Record<string, number>>;
  /** throwover's median from the approval divided by the other's from the loss. */
  readonly ratios: Readonly<Record<string, number>>;
  /** The same with a standing mandate, both from the loss: nobody is asked on either side. */
  readonly standingRatios: Readonly<Record<string, number>>;
}

/**
 * Measures the loss of the primary's side: server and agents killed at once, or frozen (silent, the
 * realistic case). The figure is the time to the first write acknowledged on the other side by the
 * same following writer.
 */
export async function benchFailover(options: BenchOptions) {
  const { quick, peers, say } = options;
  const pgBin = await benchPgBin();
  if (peers && pgBin === null) throw new Error('the peers need PostgreSQL 15 of Debian');
  const rounds = options.rounds ?? defaultRounds[quick ? 'quick' : 'full'];
  const entrants = [...ownEntrants(pgBin), ...(peers && pgBin !== null ? peerEntrants(pgBin) : [])];
  say(`PostgreSQL: ${pgBin ?? "npm's"}; first write on the other side after a loss, ms`);
  const time = new TimeLeft(quick, say);
  const losses = await withContenders(
    entrants,
    { say, only: options.only ?? (quick ? inQuick : byDefault) },
    async (contenders) => {
      const measured: CaseFigures[] = [];
      // A quick bench may have time for one of them only: the realistic one.
      for (const one of quick ? cases.toReversed() : cases) {
        const figures = await measureCase(contenders, { ...one, rounds, say, time });
        if (figures !== null) measured.push(figures);
      }
      return measured;
    },
  );
  const recorded = peers ? null : (await readRecorded()).failover;
  if (recorded !== null) sayRecorded(recorded, say);
  if (options.record) await keep(losses, pgBin);
  const { leftOut } = time;
  return { bench: 'failover', quick, peers, pgBin, losses, leftOut, recorded };
}

function ownEntrants(pgBin: string | null): readonly Entrant<FailsOver>[] {
  return [
    { name: 'throwover', needs: [], packages: [], start: (at) => startThrowover({ ...at, pgBin }) },
    {
      name: 'throwover-standing',
      needs: [],
      packages: [],
      start: (at) => startThrowover({ ...at, pgBin, standing }),
    },
  ];
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

function peerEntrants(pgBin: string): readonly Entrant<FailsOver>[] {
  const patroni = (name: string, timings: keyof typeof patroniTimings): Entrant<FailsOver> => ({
    name,
    needs: patroniPrograms,
    packages: patroniPackages,
    start: (place) => startPatroni({ ...place, name, pgBin, timings: patroniTimings[timings] }),
  });
  const repmgr = (name: string, timings: keyof typeof repmgrTimings): Entrant<FailsOver> => ({
    name,
    needs: repmgrPrograms(pgBin),
    packages: repmgrPackages,
    start: (place) =>
      startRepmgr({
        ...{ ...place, name, pgBin },
        serviceCommands: 'documented',
        timings: repmgrTimings[timings],
      }),
  });
  return [
    patroni('patroni-minimum', 'minimum'),
    patroni('patroni-below', 'belowMinimum'),
    repmgr('repmgr-fast', 'fast'),
    patroni('patroni', 'default'),
    repmgr('repmgr', 'default'),
  ];
}

async function measureCase(
  contenders: readonly FailsOver[],
  at: {
    latencyMs: number;
    loss: Loss;
    rounds: number;
    say: (line: string) => void;
    time: TimeLeft;
  },
): Promise<CaseFigures | null> {
  const { latencyMs, loss, say, time } = at;
  const kindOf = ({ name }: FailsOver) => `a loss of ${name}'s side`;
  const turn = contenders.map(kindOf);
  for (const contender of contenders) await contender.setLatency(latencyMs);
  const measured = new Map<string, FailoverRound[]>(contenders.map(({ name }) => [name, []]));
  let rounds = 0;
  while (rounds < at.rounds && time.fits(turn, `${loss} at ${latencyMs} ms, round ${rounds + 1}`)) {
    rounds += 1;
    for (const contender of contenders) {
      const one = await time.timed(kindOf(contender), () => contender.failover(rounds, loss));
      measured.get(contender.name)?.push(one);
    }
  }
  if (rounds === 0) return null;
  const of = (figure: (one: FailoverRound) => number | null): Record<string, Spread> =>
    Object.fromEntries(
      [...measured].flatMap(([name, all]) => {
        const known = all.map(figure).filter((value) => value !== null);
        return known.length === 0 ? [] : [[name, spread(known)]];
      }),
    );
  const lossToFirstWriteMs = of((one) => one.lossToFirstWriteMs);
  const approvalToFirstWriteMs = of((one) => one.approvalToFirstWriteMs);
  const figures = {
    ...{ latencyMs, loss, rounds, lossToFirstWriteMs, approvalToFirstWriteMs },
    neverWritten: Object.fromEntries(
      [...measured].map(([name, all]) => [
        name,
        all.filter((one) => one.lossToFirstWriteMs === null).length,
      ]),
    ),
    ratios: ratiosOf(lossToFirstWriteMs, approvalToFirstWriteMs['throwover']),
    standingRatios: ratiosOf(lossToFirstWriteMs, lossToFirstWriteMs['throwover-standing']),
    writesLost: of((one) => (one.lossToFirstWriteMs === null ? null : one.writesLost)),
  };
  for (const line of tableOf(figures)) say(line);
  for (const [name, count] of Object.entries(figures.neverWritten)) {
    if (count > 0)
      say(`${name}: no write on the other side at all in ${count} of ${rounds} rounds`);
  }
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
        `${name}: no write on the other side at all in ${count} of ${shown.rounds}`,
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

/**
 * Returns our median divided by a peer's median from the loss: the peer asks nobody, so that time
 * includes its detection.
 */
function ratiosOf(
  lossToFirstWriteMs: Readonly<Record<string, Spread>>,
  own: Spread | undefined,
): Record<string, number> {
  if (own === undefined) return {};
  return Object.fromEntries(
    Object.entries(lossToFirstWriteMs)
      .filter(([name]) => !name.startsWith('throwover'))
      .map(([name, { median }]) => [name, own.median / median]),
  );
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
