import { type Random, seededRandom } from '../kernel/kernel.ts';
import type { StandingPolicy } from '../operations/operations.ts';
import type { RunKind } from '../runs/runs.ts';
import { meddlingOf } from './meddling.ts';
import { clearWeather, type Weather } from './world/network.ts';

/** Options of the command line; an option that is left out is drawn from the seed. */
export interface ScenarioOptions {
  readonly strict?: boolean;
  readonly synchronous?: boolean;
  readonly family?: Family;
  /** Always includes a stranger to the pair of guards, of this kind. */
  readonly stranger?: StrangerKind;
}

/**
 * A stranger sends commands that the guards of the pair must refuse: a run of another service at
 * their addresses; a proof about a region that is not theirs; a run of a second store with a token
 * that was given out already; a run to a third region, with a fence of east or (strict) with the
 * expiry of its lease.
 */
export const strangerKinds = [
  'other-service',
  'proof-of-another-region',
  'token-of-another-run',
  'third-region',
  'third-region-by-expiry',
] as const;
export type StrangerKind = (typeof strangerKinds)[number];

/**
 * The kind of a seed. planned: a switchover, and faults around it. lost: the active region is lost,
 * a failover. absent: only the control plane has faults, and no person starts a run. hand: a person
 * promotes without throwover. mixed: anything, in sequence. unattended: a standing policy is in
 * force, the active region is lost in some way, and so is `throwover serve`; sometimes a person
 * types meanwhile.
 */
export const families = ['planned', 'lost', 'absent', 'hand', 'mixed', 'unattended'] as const;
export type Family = (typeof families)[number];

const places = ['east', 'west', 'witness', 'ops1', 'ops2'] as const;
export type Place = (typeof places)[number];

type Region = 'east' | 'west';

/** Directions of links between two places, from and to. */
type Links = readonly (readonly [string, string])[];

export type FaultKind =
  | { readonly what: 'lose-region'; readonly region: Region }
  | { readonly what: 'stand'; readonly place: Place; readonly how: 'frozen' | 'asleep' }
  | { readonly what: 'cut'; readonly links: Links }
  | {
      readonly what: 'kill-guard' | 'stop-guard';
      readonly region: Region;
      readonly steps: number;
    }
  | { readonly what: 'kill-store'; readonly steps: number }
  /** SIGTERM: `throwover serve` ends cleanly, and is started again when the fault is over. */
  | { readonly what: 'restart-serve' }
  | { readonly what: 'stop-serve' }
  /** A second `throwover serve` uses the same files, as if their lock failed. */
  | { readonly what: 'second-serve' }
  | { readonly what: 'kill-controller'; readonly steps: number }
  | { readonly what: 'stop-controller' }
  | { readonly what: 'crash-database'; readonly region: Region }
  /** This share of the guard's calls to its database fails. */
  | { readonly what: 'database-fails'; readonly region: Region; readonly share: number }
  /**
   * Another party lets the application in. loaded: the file, and a reload. on-disk: the file alone.
   * and-back: a reload of a file that exists only for a moment. session: a login succeeds although
   * the database is closed.
   */
  | {
      readonly what: 'somebody-opens';
      readonly region: Region;
      readonly how: 'loaded' | 'on-disk' | 'and-back' | 'session';
    }
  /** An older file with the closure's lines is restored. */
  | {
      readonly what: 'somebody-closes';
      readonly region: Region;
      readonly loaded: boolean;
    }
  | { readonly what: 'jump-wall'; readonly place: Place; readonly ms: number }
  | { readonly what: 'disk-full'; readonly place: Region | 'witness' }
  | { readonly what: 'weather'; readonly weather: Weather }
  | { readonly what: 'dns-fails' }
  | { readonly what: 'lag'; readonly ms: number }
  | { readonly what: 'promote-by-hand'; readonly region: Region }
  /**
   * The data directory is replaced by that of a standby of another cluster, whose log is further
   * ahead.
   */
  | { readonly what: 'foreign-cluster'; readonly region: Region }
  | { readonly what: 'halt' };

/**
 * `onRun`: `atMs` counts from the start of the first run; `onStep`: from its first act in this
 * step.
 */
export type Fault = FaultKind & {
  readonly atMs: number;
  readonly forMs: number;
  readonly onRun: boolean;
  readonly onStep?: string;
};

export type Action =
  | {
      readonly what: 'begin';
      readonly kind: RunKind;
      readonly accepts: readonly string[];
    }
  /** For the open run: another controller does it, whether the first one is alive or not. */
  | { readonly what: 'take-over' | 'abort' };

export interface Scenario {
  readonly seed: number;
  readonly family: Family;
  readonly strict: boolean;
  readonly synchronous: boolean;
  /** End of the fault phase, ms. */
  readonly faultsUntilMs: number;
  readonly rates: Readonly<Record<Place, number>>;
  readonly wallOffsetsMs: Readonly<Record<Place, number>>;
  /** One way, ms. */
  readonly regionsApartMs: number;
  readonly witnessApartMs: number;
  readonly clients: number;
  readonly pauseMs: number;
  readonly senderPauseMs: number;
  readonly replayMs: number;
  readonly weather: Weather;
  readonly actions: readonly (Action & { readonly atMs: number })[];
  readonly faults: readonly Fault[];
  /** `throwover serve` takes over runs whose controller is gone. */
  readonly serveTakesOver: boolean;
  /** Mandate for a failover without a person; `null` when none was given. */
  readonly standing: StandingPolicy | null;
  /** How long a standby believes that a silent primary only has nothing to send, ms. */
  readonly receiverTimeoutMs: number;
  /** After the faults nobody types anything for this time, ms. */
  readonly nobodyTypesMs: number;
  readonly lossBoundMs: number;
  /** `null`: only this service's people. */
  readonly stranger: StrangerKind | null;
}

/** Returns the scenario; the same seed and options give the same one. */
export function scenarioOf(seed: number, options: ScenarioOptions): Scenario {
  const random = seededRandom(seed * 7 + 1);
  // A separate generator, so that later additions do not change the seeds without them.
  const more = seededRandom(seed * 7 + 3);
  const chance = (share: number) => random.next() < share;
  const between = (low: number, high: number) => low + (high - low) * random.next();
  const drawnFamily = options.family ?? random.pick(weighted);
  // Also separate: the older families keep their seeds.
  const alone = seededRandom(seed * 7 + 5);
  const unattended = alone.next() < unattendedShare;
  const family = options.family ?? (unattended ? 'unattended' : drawnFamily);
  const strict = options.strict ?? chance(0.4);
  const synchronous = options.synchronous ?? chance(0.25);
  const stormy = family !== 'absent' && chance(0.35);
  const weather = stormy
    ? {
        lose: between(0, 0.04),
        duplicate: between(0, 0.08),
        holdBack: between(0, 0.06),
        heldBackMs: between(50, 6_000),
      }
    : clearWeather;
  // In one seed of ten two clocks differ by the bound of 1 %; in the others they differ far less.
  const drift = chance(0.1) ? 0.00497 : 0.0005;
  const rate = () => 1 + drift * random.pick([-1, -0.3, 0, 0.3, 1]);
  const offset = () => between(-2_000, 2_000);
  const drawn = actionsOf(random, family);
  const rare = rareOf(more, { family, strict, actions: drawn });
  const actions = rare?.actions ?? drawn;
  const strange = seededRandom(seed * 7 + 6);
  const stranger = options.stranger ?? (strange.next() < 0.05 ? strange.pick(strangerKinds) : null);
  const meddling = meddlingOf(seededRandom(seed * 7 + 8), { family, actions });
  const calm = family === 'planned' || family === 'absent';
  const faultsUntilMs = () => {
    if (family === 'unattended') return between(26_000, 44_000);
    // The end of a lease, and of the promises that extend it, takes time.
    if (strict && actions.some(isFailover)) return between(26_000, 40_000);
    return calm ? between(12_000, 24_000) : between(18_000, 28_000);
  };
  return {
    seed,
    family,
    strict,
    synchronous,
    faultsUntilMs: faultsUntilMs(),
    rates: atEachPlace(rate),
    wallOffsetsMs: atEachPlace(offset),
    regionsApartMs: random.pick([1, 10, 40]),
    witnessApartMs: random.pick([1, 8, 30]),
    clients: 2,
    pauseMs: between(100, 400),
    senderPauseMs: between(500, 2_000),
    replayMs: chance(0.1) ? between(50, 900) : 1,
    weather,
    actions,
    faults:
      meddling?.alone === true
        ? meddling.faults
        : [
            ...(family === 'unattended'
              ? unattendedFaults(alone, strict)
              : (rare?.faults ?? faultsOf(random, family, strict))),
            ...callFaultsOf(more, family),
            ...foreignOf(seededRandom(seed * 7 + 4), family),
            ...(meddling?.faults ?? []),
          ],
    serveTakesOver: chance(family === 'unattended' ? 0.8 : 0.5),
    standing: family === 'unattended' ? standingOf(alone) : null,
    receiverTimeoutMs: family === 'unattended' ? alone.pick([0, 60_000]) : 0,
    nobodyTypesMs: calm ? 45_000 : 12_000,
    lossBoundMs: random.pick([1_000, 5_000, 30_000]),
    stranger,
    ...(stranger === 'third-region-by-expiry' ? writesOnPromises : {}),
  };
}

/** Returns one value for each place, drawn in their order. */
function atEachPlace(draw: () => number) {
  return Object.fromEntries(places.map((place) => [place, draw()])) as Record<Place, number>;
}

/** Share of the seeds that have a standing policy. */
const unattendedShare = 0.2;

/**
 * East cannot reach the store and keeps writing on west's promises, longer than any lease of the
 * store.
 */
const writesOnPromises: Partial<Scenario> = {
  strict: true,
  family: 'absent',
  faultsUntilMs: 40_000,
  standing: null,
  actions: [],
  faults: [
    {
      what: 'cut',
      links: direct('east', 'witness', 0),
      ...{ atMs: 500, forMs: 60_000, onRun: false },
    },
  ],
};

const weighted: readonly Family[] = [
  ...Array<Family>(8).fill('planned'),
  ...Array<Family>(6).fill('lost'),
  ...Array<Family>(2).fill('absent'),
  'hand',
  ...Array<Family>(3).fill('mixed'),
];

const everyOverride = [
  'two-writers',
  'loss-above-bound',
  'dns-points-elsewhere',
  'different-configuration',
  'unresolved-losses',
  'without-ledger',
  'cluster-identity-unknown',
];

function actionsOf(random: Random, family: Family): Scenario['actions'] {
  const chance = (share: number) => random.next() < share;
  const accepts = () => (chance(0.5) ? everyOverride : everyOverride.slice(2));
  const begun = 1_500 + 1_500 * random.next();
  const planned = { what: 'begin', kind: 'switchover', accepts: [] } as const;
  const failover = (late: number) =>
    ({
      what: 'begin',
      kind: 'failover',
      accepts: accepts(),
      atMs: begun + late * random.next(),
    }) as const;
  const meddling = (): Scenario['actions'] =>
    chance(0.4)
      ? [
          {
            what: chance(0.6) ? 'take-over' : 'abort',
            atMs: begun + 200 + 6_000 * random.next() * random.next(),
          },
        ]
      : [];
  switch (family) {
    case 'planned':
      return [{ ...planned, atMs: begun }, ...meddling()];
    case 'lost':
      return [{ ...failover(6_000), atMs: begun + 1_500 + 5_000 * random.next() }, ...meddling()];
    case 'absent':
      return [];
    case 'hand':
      return chance(0.5) ? [{ ...planned, atMs: begun }] : [];
    case 'unattended':
      return chance(0.4)
        ? [chance(0.5) ? { ...planned, atMs: begun + 20_000 * random.next() } : failover(20_000)]
        : [];
    case 'mixed':
      return [
        chance(0.5) ? { ...planned, atMs: begun } : failover(1_000),
        ...meddling(),
        { ...failover(0), atMs: begun + 7_000 + 6_000 * random.next() },
        ...meddling(),
      ];
  }
}

function isFailover(action: Action): boolean {
  return action.what === 'begin' && action.kind === 'failover';
}

function faultsOf(random: Random, family: Family, strict: boolean): readonly Fault[] {
  const count = family === 'absent' ? 1 + random.integer(4) : random.integer(4);
  const faults = Array.from({ length: count }, () => faultOf(random, family));
  if (family === 'lost')
    faults.push(...(strict && random.next() < 0.3 ? onPromises(random) : [lossOf(random)]));
  if (family === 'hand') {
    if (random.next() < 0.7) faults.push(lossOf(random));
    const atMs = 4_000 + 8_000 * random.next();
    faults.push({ what: 'promote-by-hand', region: 'west', atMs, forMs: 0, onRun: false });
  }
  return faults;
}

/**
 * Returns combinations of faults that need exact timing and would hardly ever be drawn separately.
 */
function rareOf(
  random: Random,
  { family, strict, actions }: Pick<Scenario, 'family' | 'strict' | 'actions'>,
): Partial<Pick<Scenario, 'actions' | 'faults'>> | null {
  const [first] = actions;
  if (first === undefined) return null;
  if (family === 'lost' && strict && random.next() < 0.15) {
    return { faults: grantorForgets(random, first.atMs) };
  }
  if (family !== 'planned') return null;
  const share = random.next();
  if (share < 0.06) return deadlineCrossed(random, first);
  return share < 0.1 ? { faults: attachedUnheard(random) } : null;
}

/** The old side follows although its guard was told that this failed; then it crashes. */
function attachedUnheard(random: Random): readonly Fault[] {
  const on = { region: 'east', onRun: true, onStep: 'attach-old' } as const;
  const share = random.pick([0.3, 0.6]);
  const forMs = 400 * random.next();
  const crashMs = 1_000 + 4_000 * random.next();
  return [
    { what: 'database-fails', share, ...on, atMs: 0, forMs },
    { what: 'crash-database', ...on, atMs: crashMs, forMs: 0 },
  ];
}

/**
 * The controller dies between fence and promotion. Either nobody types anything, or another
 * controller fences again just after the deadline of the first fence, while its guard waits for the
 * other guard's answer.
 */
function deadlineCrossed(random: Random, begin: Scenario['actions'][number]) {
  const weather = { lose: 0, duplicate: 0, holdBack: 0.6, heldBackMs: 1_900 };
  const slow = { what: 'weather', weather, atMs: 9_500, forMs: 4_000, onRun: true } as const;
  const kill = { what: 'kill-controller', steps: random.integer(16), atMs: 0, forMs: 0 } as const;
  const atMs = begin.atMs + 8_500 + 3_000 * random.next();
  const gone = { ...kill, onRun: true, onStep: 'fence' };
  const takeOver = { what: 'take-over', atMs } as const;
  return { faults: [gone, slow], actions: random.next() < 0.3 ? [begin] : [begin, takeOver] };
}

/**
 * The active region keeps writing on its last lease and is cut off from everybody but the users.
 * The store that granted the lease restarts and has forgotten the grant when it is asked for its
 * end. All of this happens within one lease, around the moment at which a person asks for the
 * failover.
 */
function grantorForgets(random: Random, askedMs: number): readonly Fault[] {
  const atMs = askedMs - 1_500 * random.next();
  const links = ['witness', 'ops1', 'ops2', 'west'].flatMap((place) => direct('east', place, 0));
  const kill = { what: 'kill-store', steps: random.integer(8) } as const;
  const when = { atMs: atMs + 3_000 * random.next(), forMs: 20 + 400 * random.next() };
  return [
    { what: 'cut', links, atMs, forMs: 60_000, onRun: false },
    { ...kill, ...when, onRun: false },
  ];
}

/** Returns calls to a database that fail before, after or during their effect. */
function callFaultsOf(random: Random, family: Family): readonly Fault[] {
  const count = random.next() < 0.3 ? 1 + random.integer(2) : 0;
  return Array.from({ length: count }, () => {
    const onRun = random.next() < 0.75 && family !== 'absent';
    return {
      what: 'database-fails',
      region: random.pick(['east', 'west'] as const),
      share: random.pick([0.05, 0.2, 0.5, 1]),
      // A run makes most of its calls to a database in its first half second.
      atMs: onRun ? 6_000 * random.next() ** 4 : 500 + 12_000 * random.next(),
      forMs: 100 + 14_000 * random.next() ** 2,
      onRun,
    };
  });
}

/**
 * A person attaches the standby of another cluster: before a run, within its switch, or in place of
 * an old side.
 */
function foreignOf(random: Random, family: Family): readonly Fault[] {
  if (family === 'absent' || family === 'hand' || random.next() >= 0.06) return [];
  const what = 'foreign-cluster';
  const forMs = 2_000 + 20_000 * random.next();
  const share = random.next();
  if (share < 0.3) {
    return [{ what, region: 'west', atMs: 500 + 4_000 * random.next(), forMs, onRun: false }];
  }
  if (share < 0.65) {
    const onStep = random.pick(['hold-door', 'fence']);
    return [{ what, region: 'west', atMs: 60 * random.next() ** 2, forMs, onRun: true, onStep }];
  }
  // In place of the old side, after it stopped being the writer and before its data is handled.
  const onStep = random.pick(['stop-old', 'attach-old', 'close-returned', 'salvage']);
  const atMs = 30 * random.next() ** 2;
  return [{ what, region: 'east', atMs, forMs: forMs / 4, onRun: true, onStep }];
}

/**
 * The active region is cut off from the store and the people, and continues on its peer's promises.
 */
function onPromises(random: Random): readonly Fault[] {
  const atMs = 500 + 2_500 * random.next();
  const links = ['witness', 'ops1', 'ops2'].flatMap((place) => direct('east', place, 0));
  const cut: Fault = { what: 'cut', links, atMs, forMs: 60_000, onRun: false };
  const kind = random.next();
  if (kind < 0.25) return [cut];
  if (kind < 0.5) {
    // The answers to the last renewals are late; then no other part can be reached, only the users
    // can.
    const weather = { lose: 0, duplicate: 0, holdBack: 0.7, heldBackMs: 1_900 };
    const beforeMs = 2_600;
    const slow: Fault = { what: 'weather', weather, atMs, forMs: beforeMs, onRun: false };
    const peer = direct('east', 'west', 0);
    return [slow, { ...cut, links: [...links, ...peer], atMs: atMs + beforeMs }];
  }
  const late = { atMs: 14_000 * random.next(), forMs: 500 + 4_000 * random.next(), onRun: true };
  const steps = random.integer(30);
  if (random.next() < 0.6) return [cut, { what: 'kill-guard', region: 'west', steps, ...late }];
  const more = direct('east', 'west', random.integer(4));
  return [cut, { what: 'cut', links: more, ...late, forMs: 60_000 }];
}

/** Returns what the team has allowed ahead of time. */
function standingOf(random: Random): StandingPolicy {
  return {
    by: 'payments-team, 2026-01-01',
    everyMs: random.pick([250, 500, 1_000]),
    forMs: random.pick([2_000, 6_000, 10_000]),
    overrides: random.pick([
      ['two-writers', 'loss-above-bound'],
      ['two-writers'],
      ['two-writers', 'loss-above-bound', 'dns-points-elsewhere', 'unresolved-losses'],
      [],
    ]),
  };
}

/**
 * The active region is lost, or seems lost, and `throwover serve` has faults of its own around that
 * time.
 */
function unattendedFaults(random: Random, strict: boolean): readonly Fault[] {
  const atMs = 1_000 + 4_000 * random.next();
  const around = () => Math.max(200, atMs - 3_000 + 18_000 * random.next());
  const short = () => 300 + 12_000 * random.next() ** 2;
  const faults: Fault[] = [];
  const share = random.next();
  if (share < 0.1) return blinkAsleepBlink(random, atMs);
  if (share < 0.22) return haltedMeanwhile(random, atMs);
  if (share < 0.35) faults.push(...flapping(random, atMs));
  else if (share < 0.45) {
    // Only one link is cut: another part can still reach the region.
    const to = random.pick(['witness', 'west']);
    const links = between('east', to, random);
    faults.push({ what: 'cut', links, atMs, forMs: 60_000, onRun: false });
  } else faults.push({ ...lossOf(random), atMs });
  const own: readonly (() => FaultKind)[] = [
    () => ({ what: 'restart-serve' }),
    () => ({ what: 'stop-serve' }),
    () => ({ what: 'stand', place: 'witness', how: random.pick(['frozen', 'asleep'] as const) }),
    () => ({ what: 'kill-store', steps: random.integer(60) }),
    () => ({ what: 'cut', links: apart('witness', random) }),
    () => ({ what: 'cut', links: between('witness', random.pick(['east', 'west']), random) }),
    () => ({ what: 'jump-wall', place: 'witness', ms: jumpMs(random) }),
    () => ({ what: 'halt' }),
    // In strict mode the leases are in the memory of one process, which only the lock protects.
    ...(strict ? [] : [() => ({ what: 'second-serve' }) as const]),
  ];
  const count = random.integer(4);
  for (let number = 0; number < count; number++) {
    const onRun = random.next() < 0.3;
    const when = { atMs: onRun ? 4_000 * random.next() ** 2 : around(), forMs: short(), onRun };
    faults.push({ ...random.pick(own)(), ...when });
  }
  if (random.next() < 0.4) faults.push(faultOf(random, 'unattended'));
  return faults;
}

/**
 * The region is away for a moment; the watcher stands still while the region is healthy; then the
 * region is away again.
 */
function blinkAsleepBlink(random: Random, atMs: number): readonly Fault[] {
  const links = apart('east', random);
  const asleep = random.next() < 0.5;
  const forMs = 4_000 + 10_000 * random.next();
  const fromMs = atMs + 1_900 + 600 * random.next();
  const when = { atMs: fromMs, forMs, onRun: false };
  return [
    { what: 'cut', links, atMs, forMs: 2_600, onRun: false },
    asleep
      ? { what: 'stand', place: 'witness', how: 'frozen', ...when }
      : { what: 'stop-serve', ...when },
    { what: 'cut', links, atMs: fromMs + forMs - 600, forMs: 3_000, onRun: false },
  ];
}

/** The kill switch is thrown while a loss is counted, or while a run waits to be carried on. */
function haltedMeanwhile(random: Random, atMs: number): readonly Fault[] {
  const loss: Fault = { ...lossOf(random), atMs, forMs: 60_000 };
  if (random.next() < 0.5) {
    const when = { atMs: atMs + 6_000 * random.next(), forMs: 15_000 * random.next() };
    return [loss, { what: 'halt', ...when, onRun: false }];
  }
  const gone = { atMs: 3_000 * random.next() ** 2, forMs: 2_000 * random.next(), onRun: true };
  const halt = { atMs: 2_000 + 2_000 * random.next(), forMs: 25_000, onRun: true };
  return [loss, { what: 'restart-serve', ...gone }, { what: 'halt', ...halt }];
}

/** The region is cut off and reachable again, several times. */
function flapping(random: Random, fromMs: number): readonly Fault[] {
  const links = apart('east', random);
  const faults: Fault[] = [];
  let atMs = fromMs;
  for (let number = 2 + random.integer(4); number > 0; number--) {
    const forMs = 500 + 6_000 * random.next();
    faults.push({ what: 'cut', links, atMs, forMs, onRun: false });
    atMs += forMs + 200 + 9_000 * random.next();
  }
  return faults;
}

/** Returns how the active region is lost. */
function lossOf(random: Random): Fault {
  const atMs = 1_000 + 2_500 * random.next();
  const forMs = random.next() < 0.3 ? 2_000 + 8_000 * random.next() : 60_000;
  const when = { atMs, forMs, onRun: false };
  const kind = random.next();
  if (kind < 0.35) return { what: 'lose-region', region: 'east', ...when };
  if (kind < 0.6) {
    const how = random.next() < 0.7 ? 'frozen' : 'asleep';
    return { what: 'stand', place: 'east', how, ...when, forMs: 2_000 + 22_000 * random.next() };
  }
  return { what: 'cut', links: apart('east', random), ...when };
}

function faultOf(random: Random, family: Family): Fault {
  const onRun = random.next() < 0.75 && family !== 'absent';
  const atMs = onRun ? 5_000 * random.next() * random.next() : 500 + 12_000 * random.next();
  const forMs = 300 + 14_000 * random.next() * random.next();
  const region = random.pick(['east', 'west'] as const);
  const steps = random.integer(onRun ? 120 : 5);
  const when = { atMs, forMs, onRun };
  const control: readonly (() => FaultKind)[] = [
    () => ({ what: 'kill-guard', region, steps }),
    () => ({ what: 'stop-guard', region, steps }),
    () => ({ what: 'kill-store', steps }),
    () => ({ what: 'stand', place: 'witness', how: 'frozen' }),
    () => ({ what: 'cut', links: apart('witness', random) }),
    () => ({ what: 'disk-full', place: random.pick(['east', 'west', 'witness'] as const) }),
  ];
  if (family === 'absent') return { ...random.pick(control)(), ...when };
  const all: readonly (() => FaultKind)[] = [
    ...control,
    () => ({ what: 'kill-controller', steps }),
    () => ({ what: 'kill-controller', steps }),
    () => ({ what: 'stop-controller' }),
    () => ({ what: 'stop-controller' }),
    () => ({ what: 'lose-region', region }),
    () => ({ what: 'stand', place: region, how: random.pick(['frozen', 'asleep'] as const) }),
    () => ({ what: 'stand', place: 'ops1', how: random.pick(['frozen', 'asleep'] as const) }),
    () => ({ what: 'cut', links: apart(region, random) }),
    () => ({ what: 'cut', links: between('east', 'west', random) }),
    () => ({ what: 'cut', links: between('ops1', region, random) }),
    () => ({ what: 'cut', links: between('witness', region, random) }),
    () => ({ what: 'crash-database', region }),
    () => ({
      what: 'jump-wall',
      place: random.pick(['east', 'west', 'witness', 'ops1'] as const),
      ms: jumpMs(random),
    }),
    () => ({ what: 'dns-fails' }),
    () => ({ what: 'lag', ms: 3_000 * random.next() ** 2 }),
    () => ({
      what: 'weather',
      weather: { lose: 0.3, duplicate: 0.1, holdBack: 0.2, heldBackMs: 2_000 },
    }),
  ];
  return { ...random.pick(all)(), ...when };
}

/** Returns how far a wall clock jumps, forwards or back: from 0.1 s to an hour. */
function jumpMs(random: Random): number {
  return random.pick([-1, 1]) * 10 ** (2 + 4.5 * random.next());
}

/** Returns the links between one place and all others, in both directions or in one. */
function apart(place: string, random: Random): Links {
  const way = random.integer(4);
  const others = [...places, 'users'];
  const spared = random.next() < 0.3 ? random.pick(others) : '';
  return others
    .filter((other) => other !== place && other !== spared)
    .flatMap((other) => direct(place, other, way));
}

function between(a: string, b: string, random: Random): Links {
  return direct(a, b, random.integer(4));
}

function direct(a: string, b: string, way: number): Links {
  if (way === 1) return [[a, b]];
  if (way === 2) return [[b, a]];
  return [
    [a, b],
    [b, a],
  ];
}
