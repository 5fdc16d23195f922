import { type Random, seededRandom } from '../kernel/kernel.ts';
import type { RunKind } from '../runs/runs.ts';
import { clearWeather, type Weather } from './world/network.ts';

/** What may be asked for on the command line; what is left out is drawn from the seed. */
export interface ScenarioOptions {
  readonly strict?: boolean;
  readonly synchronous?: boolean;
  readonly family?: Family;
}

/**
 * What a seed is about.
 * planned: a switchover, and faults around it. lost: the active region is lost, a failover. absent: the
 * control plane alone has faults, and nobody asks for anything. hand: a person promotes past throwover.
 * mixed: anything, one after the other.
 */
export const families = ['planned', 'lost', 'absent', 'hand', 'mixed'] as const;
export type Family = (typeof families)[number];

export type Place = 'east' | 'west' | 'witness' | 'ops1' | 'ops2';

export type FaultKind =
  | { readonly what: 'lose-region'; readonly region: 'east' | 'west' }
  | { readonly what: 'stand'; readonly place: Place; readonly how: 'frozen' | 'asleep' }
  | { readonly what: 'cut'; readonly links: readonly (readonly [string, string])[] }
  | {
      readonly what: 'kill-guard' | 'stop-guard';
      readonly region: 'east' | 'west';
      readonly steps: number;
    }
  | { readonly what: 'kill-store'; readonly steps: number }
  | { readonly what: 'kill-controller'; readonly steps: number }
  | { readonly what: 'stop-controller' }
  | { readonly what: 'crash-database'; readonly region: 'east' | 'west' }
  /** Of the guard's calls of its database, this share. */
  | { readonly what: 'database-fails'; readonly region: 'east' | 'west'; readonly share: number }
  | { readonly what: 'jump-wall'; readonly place: Place; readonly ms: number }
  | { readonly what: 'disk-full'; readonly place: 'east' | 'west' | 'witness' }
  | { readonly what: 'weather'; readonly weather: Weather }
  | { readonly what: 'dns-fails' }
  | { readonly what: 'lag'; readonly ms: number }
  | { readonly what: 'promote-by-hand'; readonly region: 'east' | 'west' }
  | { readonly what: 'halt' };

/** `onRun`: counted from the moment at which the first run begins; `onStep`: at which it first acts in this step. */
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
      readonly to: 'other' | 'home';
      readonly accepts: readonly string[];
    }
  /** Of the open run: by another controller, whether the first one lives or not. */
  | { readonly what: 'take-over' | 'abort' };

export interface Scenario {
  readonly seed: number;
  readonly family: Family;
  readonly strict: boolean;
  readonly synchronous: boolean;
  /** Ends of the run's phase, ms. */
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
  /** `throwover serve` takes runs over whose controller is gone. */
  readonly serveTakesOver: boolean;
  /** After the faults nobody types anything for this long, ms. */
  readonly nobodyTypesMs: number;
  readonly lossBoundMs: number;
}

/** The same seed and options give the same scenario. */
export function scenarioOf(seed: number, options: ScenarioOptions): Scenario {
  const random = seededRandom(seed * 7 + 1);
  // Of its own, so that what was added later leaves the seeds that lack it as they were.
  const more = seededRandom(seed * 7 + 3);
  const chance = (share: number) => random.next() < share;
  const between = (low: number, high: number) => low + (high - low) * random.next();
  const family = options.family ?? random.pick(weighted);
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
  // At the bound of 1 % between two clocks in one seed of ten, far within it in the others.
  const drift = chance(0.1) ? 0.00497 : 0.0005;
  const rate = () => 1 + drift * random.pick([-1, -0.3, 0, 0.3, 1]);
  const offset = () => between(-2_000, 2_000);
  const drawn = actionsOf(random, family);
  const rare = rareOf(more, { family, strict, actions: drawn });
  const { actions } = { actions: drawn, ...rare };
  return {
    seed,
    family,
    strict,
    synchronous,
    // The end of a lease, and of the promises that extend it, takes its time.
    faultsUntilMs:
      strict && actions.some(isFailover)
        ? between(26_000, 40_000)
        : family === 'planned' || family === 'absent'
          ? between(12_000, 24_000)
          : between(18_000, 28_000),
    rates: { east: rate(), west: rate(), witness: rate(), ops1: rate(), ops2: rate() },
    wallOffsetsMs: {
      east: offset(),
      west: offset(),
      witness: offset(),
      ops1: offset(),
      ops2: offset(),
    },
    regionsApartMs: random.pick([1, 10, 40]),
    witnessApartMs: random.pick([1, 8, 30]),
    clients: 2,
    pauseMs: between(100, 400),
    senderPauseMs: between(500, 2_000),
    replayMs: chance(0.1) ? between(50, 900) : 1,
    weather,
    actions,
    faults: [...(rare?.faults ?? faultsOf(random, family, strict)), ...callFaultsOf(more, family)],
    serveTakesOver: chance(0.5),
    nobodyTypesMs: family === 'planned' || family === 'absent' ? 45_000 : 12_000,
    lossBoundMs: random.pick([1_000, 5_000, 30_000]),
  };
}

const weighted: readonly Family[] = [
  ...Array<Family>(8).fill('planned'),
  ...Array<Family>(6).fill('lost'),
  ...Array<Family>(2).fill('absent'),
  ...Array<Family>(1).fill('hand'),
  ...Array<Family>(3).fill('mixed'),
];

const everyOverride = [
  'two-writers',
  'loss-above-bound',
  'dns-points-elsewhere',
  'different-configuration',
  'unresolved-losses',
  'without-ledger',
];

function actionsOf(random: Random, family: Family): Scenario['actions'] {
  const chance = (share: number) => random.next() < share;
  const accepts = () => (chance(0.5) ? everyOverride : everyOverride.slice(2));
  const begun = 1_500 + 1_500 * random.next();
  const planned = {
    what: 'begin',
    kind: 'switchover',
    to: 'other',
    accepts: [] as string[],
  } as const;
  const failover = (late: number) =>
    ({
      what: 'begin',
      kind: 'failover',
      to: 'other',
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
    case 'mixed':
      return [
        { ...(chance(0.5) ? { ...planned, atMs: begun } : failover(1_000)) },
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
  const faults: Fault[] = [];
  const count = family === 'absent' ? 1 + random.integer(4) : random.integer(4);
  for (let number = 0; number < count; number++) faults.push(faultOf(random, family));
  if (family === 'lost')
    faults.push(...(strict && random.next() < 0.3 ? onPromises(random) : [lossOf(random)]));
  if (family === 'hand') {
    if (random.next() < 0.7) faults.push(lossOf(random));
    const atMs = 4_000 + 8_000 * random.next();
    faults.push({ what: 'promote-by-hand', region: 'west', atMs, forMs: 0, onRun: false });
  }
  return faults;
}

/** What needs several things at their moments, and would hardly ever be drawn one by one. */
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

/** The old side follows, though its guard was told that this failed; then it crashes. */
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
 * The controller is gone between fence and promotion. Nobody types anything; or another one fences anew
 * just when the deadline of the first fence has passed and its guard waits for the other guard's answer.
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
 * The active region writes on by its last lease, cut off from everybody but the users, while the store
 * that granted it is started again: it has forgotten the grant when it is asked for the end of it. All
 * within one lease, around the moment at which a person asks for the failover.
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

/** Calls of a database that fail before, after or during their effect. */
function callFaultsOf(random: Random, family: Family): readonly Fault[] {
  const count = random.next() < 0.3 ? 1 + random.integer(2) : 0;
  return Array.from({ length: count }, () => {
    const onRun = random.next() < 0.75 && family !== 'absent';
    return {
      what: 'database-fails',
      region: random.pick(['east', 'west'] as const),
      share: random.pick([0.05, 0.2, 0.5, 1]),
      // Most of what a run asks of a database falls into its first half second.
      atMs: onRun ? 6_000 * random.next() ** 4 : 500 + 12_000 * random.next(),
      forMs: 100 + 14_000 * random.next() ** 2,
      onRun,
    };
  });
}

/** The active region is cut off from the store and the people, and goes on by what its peer promises. */
function onPromises(random: Random): readonly Fault[] {
  const atMs = 500 + 2_500 * random.next();
  const links = ['witness', 'ops1', 'ops2'].flatMap((place) => direct('east', place, 0));
  const cut: Fault = { what: 'cut', links, atMs, forMs: 60_000, onRun: false };
  const kind = random.next();
  if (kind < 0.25) return [cut];
  if (kind < 0.5) {
    // Late answers to the last renewals, then nobody is left to ask; only the users still come.
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

/** How the active region is lost. */
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
      ms: random.pick([-1, 1]) * 10 ** (2 + 4.5 * random.next()),
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

const places = ['east', 'west', 'witness', 'ops1', 'ops2', 'users'];

/** One place from all others: both ways, or one way. */
function apart(place: string, random: Random): readonly (readonly [string, string])[] {
  const way = random.integer(4);
  const spared = random.next() < 0.3 ? random.pick(places) : '';
  return places
    .filter((other) => other !== place && other !== spared)
    .flatMap((other) => direct(place, other, way));
}

function between(a: string, b: string, random: Random): readonly (readonly [string, string])[] {
  return direct(a, b, random.integer(4));
}

function direct(a: string, b: string, way: number): readonly (readonly [string, string])[] {
  if (way === 1) return [[a, b]];
  if (way === 2) return [[b, a]];
  return [
    [a, b],
    [b, a],
  ];
}
