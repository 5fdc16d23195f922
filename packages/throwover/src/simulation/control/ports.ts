import { type DatabaseSide, sideThrough, type UpstreamWord } from '../../authority/authority.ts';
import type { Guard } from '../../authority/guard/guard.ts';
import { defineErrors, type Random } from '../../kernel/kernel.ts';
import { lagCalls, type PositionHistory, type Sighting } from '../../replication/replication.ts';
import type { RunPorts } from '../../runs/runs.ts';
import type { Store } from '../../store/store.ts';
import { type Door, doorCalls } from '../../traffic/traffic.ts';
import { type GatewayControl, gatewayCalls } from '../../webhooks/webhooks.ts';
import type { Call } from '../../wire/wire.ts';
import type { ModelDns } from '../application/dns.ts';
import { doorAway, type ModelDoor } from '../application/door.ts';
import { gatewayAway, type ModelGateway } from '../application/gateway.ts';
import { surveyOf, unsentOf } from '../database/survey.ts';
import type { SimProcess } from '../world/machine.ts';
import { type Address, type Network, request } from '../world/network.ts';
import { glance } from './glance.ts';
import type { Site } from './site.ts';
import { storeOver } from './witness-store.ts';

const errors = defineErrors({
  'database-unreachable': { disposition: 'retry', notLost: '', remedy: '' },
  'store-away': { disposition: 'retry', notLost: '', remedy: '' },
  'no-such-region': { disposition: 'stop', notLost: '', remedy: '' },
});

/** Deadline of a salvage and of an attachment, ms. */
const attachTimeoutMs = 40_000;

/** How long a standby's guard waits for its primary, ms. */
const upstreamMs = 1_000;

/** Samples of the positions of both databases, taken by `throwover serve`. */
export interface Sightings {
  readonly seen: Sighting[];
}

export interface Surroundings {
  readonly network: Network;
  readonly random: Random;
  readonly sites: readonly Site[];
  readonly store: Address<Store>;
  readonly dns: ModelDns;
  readonly sightings: Address<Map<string, Sightings>>;
}

/** Returns everything that a run touches, as one process reaches it. */
export function portsFor(
  process: SimProcess,
  { network, sites, store, dns, sightings }: Surroundings,
  direction: { from: string; to: string },
): RunPorts {
  const region = (name: string) => {
    const site = sites.find((one) => one.name === name);
    if (site === undefined) throw errors.make('no-such-region', name);
    return {
      name,
      database: databaseFor(process, network, site),
      door: doorFor(process, network, site),
      functions: null,
    };
  };
  const history: PositionHistory = {
    sightings: (of) =>
      request(network, process, sightings, async (map) => [...(map.get(of)?.seen ?? [])], {
        deadlineMs: lagCalls.sightings.deadlineMs,
        away: () => errors.make('store-away', 'no answer'),
      }),
  };
  return {
    store: storeOver(network, process, store),
    from: region(direction.from),
    to: region(direction.to),
    dns: dns.from(process),
    gateways: sites.map((site) => gatewayFor(process, network, site)),
    history,
  };
}

export function databaseFor(process: SimProcess, network: Network, site: Site): DatabaseSide {
  const { name: region, address } = site;
  const away = (why: string) =>
    errors.make('database-unreachable', `${region}'s guard: no answer (${why})`);
  return sideThrough({ region, attachTimeoutMs }, (name, body, deadlineMs) => {
    const look = <T>(at: () => T) => glance(process, network, site, { deadlineMs, away, look: at });
    const ask = (work: (guard: Guard) => Promise<unknown>) =>
      request(network, process, address, work, { deadlineMs, away });
    switch (name) {
      case 'survey':
        return look(() => surveyOf(site.server));
      case 'unsent':
        return look(() => unsentOf(site.server, body as Parameters<DatabaseSide['unsent']>[0]));
      case 'upstream':
        return ask(() => upstreamOf(site, network));
      default:
        return ask((guard) => (guard[name] as (command: unknown) => Promise<unknown>)(body));
    }
  });
}

/**
 * Opens a connection from a standby's machine to its primary: returns its answer, or none within
 * the waiting time.
 */
async function upstreamOf(site: Site, network: Network): Promise<UpstreamWord> {
  const { server, guardProcess } = site;
  const source = server.upstream;
  if (!server.running || server.role !== 'standby' || source === null || guardProcess === null) {
    return { answers: null, said: 'no receiver runs' };
  }
  const reached = () =>
    !source.machine.still &&
    network.open(site.name, source.region) &&
    network.open(source.region, site.name);
  if (!reached()) await guardProcess.clock.sleep(upstreamMs);
  if (!reached()) return { answers: false, said: 'timeout expired' };
  return source.running
    ? { answers: true, said: 'a session' }
    : { answers: false, said: 'connection refused' };
}

/**
 * Returns the address of a part on a region's machine beside its guard; the part lives as long as
 * the machine.
 */
function onMachine<S>(site: Site, service: S): Address<S> {
  return {
    place: site.machine.name,
    dark: () => site.off,
    current: () => (site.off ? null : { process: site.dataPath(), service }),
  };
}

function doorFor(process: SimProcess, network: Network, site: Site): Door {
  const address = onMachine<ModelDoor>(site, site.door);
  const ask = <T>({ deadlineMs }: Call, work: (door: ModelDoor) => Promise<T>) =>
    request(network, process, address, work, { deadlineMs, away: () => doorAway(site.name) });
  return {
    region: site.name,
    status: () => ask(doorCalls.status, (door) => door.status()),
    set: (mode, token) => ask(doorCalls.set, (door) => door.set(mode, token)),
  };
}

function gatewayFor(process: SimProcess, network: Network, site: Site): GatewayControl {
  const address = onMachine<ModelGateway>(site, site.gateway);
  const ask = <T>({ deadlineMs }: Call, work: (gateway: ModelGateway) => Promise<T>) =>
    request(network, process, address, work, { deadlineMs, away: () => gatewayAway(site.name) });
  return {
    region: site.name,
    status: () => ask(gatewayCalls.status, (gateway) => gateway.status()),
    set: (mode, token) => ask(gatewayCalls.setMode, (gateway) => gateway.set(mode, token)),
    redeliver: (window, token) =>
      ask(gatewayCalls.redeliver, (gateway) => gateway.redeliver(window, token)),
  };
}
