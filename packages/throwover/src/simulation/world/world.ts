import type { Token } from '@throwover/client';
import { type ClusterMemory, defaultTiming } from '../../authority/authority.ts';
import { type GuardPolicy, newGuardMemory } from '../../authority/guard/guard.ts';
import { createEventQueue, seededRandom } from '../../kernel/kernel.ts';
import type { Sighting } from '../../replication/replication.ts';
import { Client, deliverTo } from '../application/clients.ts';
import { ModelDns } from '../application/dns.ts';
import { readBack } from '../application/readers.ts';
import { databaseFor } from '../control/ports.ts';
import { service } from '../control/run-policy.ts';
import { Site } from '../control/site.ts';
import { WitnessStore } from '../control/witness-store.ts';
import {
  type Branch,
  firstBranch,
  holds,
  sightOf,
  type Write,
} from '../database/history-of-writes.ts';
import { Server } from '../database/server.ts';
import type { Place, Scenario } from '../scenario.ts';
import { History } from './history.ts';
import { Machine, SimProcess } from './machine.ts';
import { type Address, type LocalFaults, Network } from './network.ts';
import { Stranger } from './stranger.ts';

/** How a disk and a database on the same machine answer: usually at once. */
const disk: LocalFaults = { tookMs: 2, slow: 0.01, slowMs: 400 };

/** Longest time until a write is read back, ms. */
const readAfterMs = 40_000;

/** Time between two samples of the databases' positions, ms, by `throwover serve`. */
const sampleMs = 2_000;

/** The automatic work of one process of `throwover serve`. */
export interface Serving {
  /** SIGTERM: the process ends and leaves its runs open. */
  end(): void;
}

/** Everything in one simulation. */
export type World = ReturnType<typeof createWorld>;

export function createWorld(scenario: Scenario, trace: ((line: string) => void) | null) {
  const queue = createEventQueue();
  const random = seededRandom(scenario.seed * 7 + 2);
  const history = new History({ nowMs: () => queue.nowMs(), trace });
  const network = new Network({ queue, random, latencyMs: latencies(scenario) });
  network.weather = scenario.weather;
  const common = { queue, random, network, history };
  const exact = (name: string) => new Machine({ name, queue, rate: 1, wallOffsetMs: 0 });
  const machine = (name: Place) =>
    new Machine({
      name,
      queue,
      rate: scenario.rates[name],
      wallOffsetMs: scenario.wallOffsetsMs[name],
    });
  const machines = {
    east: machine('east'),
    west: machine('west'),
    witness: machine('witness'),
    ops1: machine('ops1'),
    ops2: machine('ops2'),
    users: exact('users'),
    north: exact('north'),
  };
  const store = new WitnessStore({ machine: machines.witness, random, history });
  const policy: GuardPolicy = {
    writerFence: scenario.strict ? 'strict' : 'available',
    durability: scenario.synchronous ? 'synchronous' : 'asynchronous',
    timing: defaultTiming,
  };
  const first = firstBranch({ id: 1, region: 'east', bornMs: 0 });
  let branches = 1;
  let keys = 0;
  const nextKey = () => ++keys;
  const serverAt = (region: 'east' | 'west' | 'north', role: 'primary' | 'standby') =>
    new Server({
      ...common,
      region,
      machine: machines[region],
      strict: scenario.strict,
      copy: { branch: first, lsn: 0x3000000 },
      role,
      newBranchId: () => ++branches,
    });
  const servers = { east: serverAt('east', 'primary'), west: serverAt('west', 'standby') };
  servers.west.upstream = servers.east;
  servers.east.streaming.peers = [servers.west];
  servers.west.streaming.peers = [servers.east];
  const sites: Site[] = [];
  const siteAt = (region: 'east' | 'west') => {
    const server = servers[region];
    const site: Site = new Site({
      ...common,
      region,
      service,
      server,
      disk,
      policy,
      memory: {
        ...newGuardMemory(),
        pairedWith: region === 'east' ? 'west' : 'east',
        cluster: agreedOn(first),
        known: { epoch: 1, active: 'east' },
        followed: server.role === 'standby' ? 1 : null,
      },
      active: 'east',
      store,
      deliver: (to, event) =>
        deliverTo({ network, random, process: site.dataPath(), sites, nextKey })(to, event),
    });
    sites.push(site);
    return site;
  };
  const east = siteAt('east');
  const west = siteAt('west');
  east.peer = west;
  west.peer = east;
  for (const site of sites) {
    site.serverOf = (region) => (region === 'east' ? servers.east : servers.west);
    site.server.replayMs = scenario.replayMs;
    site.server.receiverTimeoutMs = scenario.receiverTimeoutMs;
    if (scenario.synchronous) {
      site.server.onAcknowledged = (write) => {
        write.covered = coveredBy(write, site, store);
      };
    }
  }
  const { stranger: kind } = scenario;
  const stranger =
    kind === null
      ? null
      : new Stranger({
          ...common,
          ...{ disk, service, policy, store, nextKey, kind, east, west, machines },
          cluster: agreedOn(first),
          server: serverAt('north', 'standby'),
        });
  const dns = new ModelDns(
    {
      name: 'checkout.example.test',
      type: 'A',
      ttlSeconds: 60,
      values: ['east'],
      generation: { number: 1, epoch: 1, region: 'east' },
    },
    random,
  );
  const reader = new SimProcess('reader', machines.users);
  const readLater = (token: Token, write: Write) => {
    const { server } = random.pick(sites);
    queue.after(random.next() ** 3 * readAfterMs, () => {
      void readBack({ process: reader, server, token, write, history });
    });
  };
  const clients = Array.from(
    { length: scenario.clients },
    (_none, number) =>
      new Client(number, scenario.pauseMs, {
        ...{ random, network, sites, nextKey },
        machine: machines.users,
        active: () => dns.active,
        onToken: readLater,
      }),
  );
  const sightings = sampler({ store, sites, network });
  store.onStart = () => {
    if (queue.nowMs() >= warmUpMs) sightings.current();
  };
  /** Number of `throwover serve` processes that were started, and the one that works now. */
  const serves: { count: number; current: Serving | null } = { count: 0, current: null };
  /** Webhook events that a gateway accepted. */
  const accepted: { readonly id: string; readonly atMs: number }[] = [];
  return {
    ...common,
    ...{ scenario, machines, east, west, sites, store, serves, dns, clients, stranger },
    ...{ sightings, accepted },
  };
}

/**
 * Returns the memory of two guards that have run for long: they agreed at the start of the history.
 */
function agreedOn(first: Branch): ClusterMemory {
  const sight = sightOf(first);
  return {
    agreed: { ...sight, upTo: null, by: { kind: 'both', wallMs: 0 } },
    peer: null,
    streamedFrom: sight.identifier,
  };
}

/**
 * How long the store has run before the rest begins, ms. A store that has just started proves no
 * expiry before the longest lease has passed, and no seed would see one.
 */
export const warmUpMs = 31_000;

/** Starts everything and opens the first epoch. */
export async function startWorld(world: World): Promise<void> {
  const { store, sites, clients, scenario, queue } = world;
  store.start();
  await queue.run({ untilMs: warmUpMs });
  await store.current()?.service.registerService({
    name: service,
    regions: ['east', 'west', ...(world.stranger === null ? [] : ['north'])],
    active: 'east',
  });
  for (const { server } of sites) {
    server.synchronousOnDisk = scenario.synchronous && server.role === 'primary';
    server.start();
  }
  for (const site of sites) site.startGuard();
  world.sightings.current();
  for (const client of clients) void client.run();
  void sendWebhooks(world);
  world.stranger?.start();
}

/** Sends webhooks: senders turn to any gateway, and retry until one has accepted. */
async function sendWebhooks(world: World): Promise<void> {
  const { machines, random, scenario, sites, accepted, network } = world;
  const process = new SimProcess('sender', machines.users);
  for (let number = 1; ; number++) {
    await process.clock.sleep(scenario.senderPauseMs * (0.3 + 1.4 * random.next()));
    const site = random.pick(sites);
    const reached = !site.off && !site.machine.still && network.reaches('users', site.name);
    if (!reached) continue;
    const event = `evt_${number}`;
    site.gateway.accept(event);
    accepted.push({ id: event, atMs: world.queue.nowMs() });
  }
}

/** `throwover serve` looks at both databases all the time; its samples end with the process. */
function sampler(options: {
  store: WitnessStore;
  sites: readonly Site[];
  network: Network;
}): Address<Map<string, Sighting[]>> {
  const { store, sites, network } = options;
  let of: SimProcess | null = null;
  let seen = new Map<string, Sighting[]>();
  const sample = async (process: SimProcess) => {
    while (process.alive) {
      await process.clock.sleep(sampleMs);
      for (const site of sites) {
        const wallMs = process.clock.wallMs();
        try {
          const { role, position } = await databaseFor(process, network, site).status();
          if (role !== 'primary' || position === null) continue;
          const list = seen.get(site.name) ?? [];
          list.push({ position, wallMs, by: `${site.name}'s guard` });
          if (list.length > 60) list.shift();
          seen.set(site.name, list);
        } catch {
          // A failed look adds no sample.
        }
      }
    }
  };
  return {
    place: store.place,
    current: () => {
      const { process } = store;
      if (!process?.alive) return null;
      if (of !== process) {
        of = process;
        seen = new Map();
        void sample(process);
      }
      return { process, service: seen };
    },
  };
}

/** Returns who had the write at the instant of its acknowledgement. */
function coveredBy(write: Write, site: Site, store: WitnessStore): Write['covered'] {
  const standby = site.peer;
  const { stored = [] } = standby?.server ?? {};
  // A person may put the standby's data aside just before the answer arrives.
  if (stored.some((copy) => holds(copy, write.branch, write.lsn))) return 'standby';
  const told = [store.known?.sync, standby?.memory.peerSync];
  const recorded = told.some((sync) => sync && !sync.inSync);
  return recorded ? 'recorded' : 'nobody';
}

function latencies(scenario: Scenario): (from: string, to: string) => number {
  const { regionsApartMs, witnessApartMs } = scenario;
  const isRegion = (place: string) => ['east', 'west', 'north'].includes(place);
  return (from, to) => {
    if (isRegion(from) && isRegion(to)) return regionsApartMs;
    return from === 'users' || to === 'users' ? 5 : witnessApartMs;
  };
}
