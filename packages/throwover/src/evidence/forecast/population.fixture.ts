import { type Random, seededRandom, unscaled } from '../../kernel/kernel.ts';
import type { EvidenceSample } from '../../records/samples.ts';
import { type Cause, causeReader, stragglerCurve } from '../../traffic/stragglers/stragglers.ts';
import type { EvidenceBefore } from './facts.ts';

const minuteMs = 60_000;

/** Width of one bucket of the doors' counts, ms of life time. */
const bucketMs = 1_000;

export const populationTtlSeconds = 60;

interface Resolver {
  readonly identity: string;
  readonly behaviour: 'honest' | 'clamps-minimum';
  readonly lifeMs: number;
}

interface SimulatedClient {
  readonly network: string;
  readonly resolver: Resolver;
  /** Requests per second of life time. */
  readonly rate: number;
  /** Longest life of its connections; `null`: one connection for each request. */
  readonly poolMs: number | null;
  /** How long its runtime caches an address; `null`: it does not. */
  readonly runtimeMs: number | null;
}

/**
 * A service's clients with their resolvers, pools and runtimes: the true state, and what throwover
 * sees of it.
 */
export interface Population {
  readonly clients: readonly SimulatedClient[];
  readonly resolvers: readonly Resolver[];
}

/** Draws a population with random shares and lengths, as in the lab's rounds. */
export function population(seed: number): Population {
  const random = seededRandom(seed);
  const clamps = 60_000 * (3 + random.next() * 6);
  const long = 60_000 * (10 + random.next() * 8);
  const clamped = 0.15 + random.next() * 0.3;
  const held = 0.05 + random.next() * 0.2;
  const resolvers = Array.from({ length: 36 }, (_, n): Resolver => {
    const at = (n + 0.5) / 36;
    const lifeMs = at < held ? long : at < held + clamped ? clamps : populationTtlSeconds * 1_000;
    const behaviour = at < held + clamped ? 'clamps-minimum' : 'honest';
    return { identity: `10.9.0.${n + 1}`, behaviour, lifeMs };
  });
  const cached = 0.05 + random.next() * 0.05;
  const pooled = 0.1 + random.next() * 0.2;
  const clients = Array.from({ length: 120 }, (_, n): SimulatedClient => {
    const kind = random.next();
    return {
      network: `10.0.${n}.0/24`,
      resolver: random.pick(resolvers),
      rate: 0.2 + random.next() * 0.2,
      poolMs: kind < pooled ? 8 * minuteMs : null,
      runtimeMs: kind >= pooled && kind < pooled + cached ? 5 * minuteMs : null,
    };
  });
  return { clients, resolvers };
}

/** Returns what the survey, the beacons and the door's sample of connections show before a run. */
export function before(
  { clients, resolvers }: Population,
  seed: number,
  curves: EvidenceBefore['curves'] = [],
): EvidenceBefore {
  const random = seededRandom(seed);
  const agesMs = clients.flatMap(({ poolMs }) => (poolMs === null ? [] : [random.next() * poolMs]));
  const rates = (some: readonly SimulatedClient[]) => some.reduce((all, { rate }) => all + rate, 0);
  const pools = clients.filter(({ poolMs }) => poolMs !== null);
  const oldShare = agesMs.filter((ageMs) => ageMs > populationTtlSeconds * 1_000).length;
  return {
    resolvers: resolvers.map((resolver) => ({
      atWallMs: 0,
      vantage: 'here',
      resolver: `${resolver.identity}:53`,
      identity: resolver.identity,
      behaviour: resolver.behaviour,
      clampLifeSeconds:
        resolver.behaviour === 'honest' ? null : Math.round(resolver.lifeMs / 1_000),
      ttlSeconds: populationTtlSeconds,
      holdoversLifeMs: [resolver.lifeMs],
      trials: 3,
      finished: true,
    })),
    beacons: clients.map(({ network, resolver, rate }) => ({
      fromWallMs: 0,
      toWallMs: minuteMs,
      network,
      resolver: resolver.identity,
      count: Math.max(1, Math.round(rate * 20)),
    })),
    connections: [
      {
        atWallMs: 0,
        region: 'east',
        open: agesMs.length,
        agesMs,
        requestsOnOldShare: ((rates(pools) / rates(clients)) * oldShare) / agesMs.length,
        requests: 1_000,
      },
    ],
    curves,
  };
}

/**
 * Returns the remaining TTL that each resolver reports when it is asked before the run of that
 * seed, ms.
 */
export function leftAt({ resolvers }: Population, seed: number): ReadonlyMap<string, number> {
  const random = seededRandom(seed);
  return new Map(
    resolvers.map(({ identity, lifeMs }) => [
      identity,
      Math.round((random.next() * lifeMs) / 1_000) * 1_000,
    ]),
  );
}

/**
 * Returns the time from that question until the flip of the run, ms; it varies, as on real
 * machines.
 */
export function untilFlipMs(seed: number): number {
  return 150_000 + seededRandom(seed).next() * 60_000;
}

export interface Played {
  readonly curve: EvidenceSample<'straggler-curve'>;
  /** Requests by true cause (rows) and by the cause that the door reported. */
  readonly causes: Readonly<Record<string, Readonly<Record<Cause, number>>>>;
}

/**
 * Plays one flip from east to west: requests one by one, as clients with caches and connections
 * send them.
 */
export function play(
  people: Population,
  seed: number,
  { loosened }: { readonly loosened: boolean },
): Played {
  const random = seededRandom(seed);
  const flipMs = untilFlipMs(seed);
  const left = leftAt(people, seed);
  const ends = new Map(
    people.resolvers.map((resolver) => {
      // The resolver asks again as soon as its answer has ended, until the flip.
      let endMs = left.get(resolver.identity) ?? 0;
      while (endMs < flipMs) endMs += resolver.lifeMs;
      return [resolver, endMs - flipMs];
    }),
  );
  const knowledge = before(people, seed);
  const direct = new Map<number, number>();
  const cells = new Map<string, [number, number, number, number]>();
  const causes: Record<string, Record<Cause, number>> = {};
  const causeOf = causeReader(knowledge, populationTtlSeconds);
  const untilMs = 40 * minuteMs;
  people.clients.forEach((client, index) => {
    const life = lifeOf(client, ends.get(client.resolver) ?? 0, random);
    for (let atMs = 0; atMs < untilMs; atMs += nextMs(client.rate, random)) {
      const bucket = Math.floor(atMs / bucketMs);
      const why = life.whyOld(atMs, loosened);
      if (why === null) {
        direct.set(bucket, (direct.get(bucket) ?? 0) + 1);
        continue;
      }
      const pinned = why === 'pinned-connection';
      const cell = cells.get(`${bucket} ${index}`) ?? [bucket, index, 0, 0];
      cells.set(`${bucket} ${index}`, cell);
      cell[pinned ? 2 : 3] += 1;
      const said = pinned ? why : causeOf(client.network, (bucket + 1) * bucketMs);
      causes[why] ??= {
        'resolver-tail': 0,
        'pinned-connection': 0,
        'runtime-cache': 0,
        unknown: 0,
      };
      causes[why][said] += 1;
    }
  });
  const report = {
    epoch: 2,
    sinceWallMs: 0,
    countedFromWallMs: 0,
    bucketMs,
    networks: people.clients.map(({ network }) => network),
    agents: [],
    late: { direct: 0, stragglers: 0 },
    addedMs: null,
  };
  const curve = stragglerCurve({
    old: { ...report, role: 'forward', direct: [], cells: [...cells.values()] },
    next: { ...report, role: 'serve', direct: [...direct], cells: [] },
    flippedWallMs: 0,
    untilWallMs: untilMs,
    ttlSeconds: populationTtlSeconds,
    timeScale: unscaled,
    knowledge,
  });
  return {
    curve: {
      runId: `run_${seed}`,
      from: 'east',
      to: 'west',
      flippedWallMs: 0,
      ttlSeconds: populationTtlSeconds,
      ...curve,
      points: [...curve.points],
      addedLatencyMs: null,
    },
    causes,
  };
}

/**
 * Returns when a client lets go of its connection, then of its runtime's address, then of its
 * resolver's address.
 */
function lifeOf(client: SimulatedClient, resolverEndsMs: number, random: Random) {
  const connectionEndsMs = client.poolMs === null ? 0 : random.next() * client.poolMs;
  let runtimeEndsMs = client.runtimeMs === null ? 0 : random.next() * client.runtimeMs;
  // The runtime asks again each time its own copy ends, and keeps what the resolver still gives.
  while (client.runtimeMs !== null && runtimeEndsMs < resolverEndsMs) {
    runtimeEndsMs += client.runtimeMs;
  }
  return {
    whyOld(atMs: number, loosened: boolean) {
      if (!loosened && atMs < connectionEndsMs) return 'pinned-connection' as const;
      if (atMs < resolverEndsMs) return 'resolver-tail' as const;
      return atMs < runtimeEndsMs ? ('runtime-cache' as const) : null;
    },
  };
}

function nextMs(ratePerSecond: number, random: Random): number {
  return (-Math.log(1 - random.next()) / ratePerSecond) * 1_000;
}
