import { type DatabaseSide, sideThrough, type UpstreamWord } from '../../authority/authority.ts';
import type { Guard } from '../../authority/guard/guard.ts';
import { lagCalls, type PositionHistory, type Sighting } from '../../replication/replication.ts';
import type { RunPorts } from '../../runs/runs.ts';
import type { Store } from '../../store/store.ts';
import { type Door, doorCalls } from '../../traffic/traffic.ts';
import { type GatewayControl, gatewayCalls } from '../../webhooks/webhooks.ts';
import type { Call } from '../../wire/wire.ts';
import type { ModelDns } from '../application/dns.ts';
import { surveyOf, unsentOf } from '../database/survey.ts';
import { modelErrors } from '../model-errors.ts';
import type { SimProcess } from '../world/machine.ts';
import { type Address, type Network, request } from '../world/network.ts';
import { glance } from './glance.ts';
import type { Site } from './site.ts';
import { storeOver } from './witness-store.ts';

/** Deadline of a salvage and of an attachment, ms. */
export const attachTimeoutMs = 40_000;

/** How long a standby's guard waits for its primary, ms. */
const upstreamMs = 1_000;

export interface Surroundings {
  readonly network: Network;
  readonly sites: readonly Site[];
  readonly store: Address<Store>;
  readonly dns: ModelDns;
  /** Samples of each database's positions, taken by `throwover serve`. */
  readonly sightings: Address<Map<string, Sighting[]>>;
}

/** Returns everything that a run touches, as one process reaches it. */
export function portsFor(
  process: SimProcess,
  { network, sites, store, dns, sightings }: Surroundings,
  direction: { from: string; to: string },
): RunPorts {
  const region = (name: string) => {
    const site = sites.find((one) => one.name === name);
    if (site === undefined) throw modelErrors.make('no-such-region', name);
    return {
      name,
      database: databaseFor(process, network, site),
      door: doorFor(process, network, site),
      functions: null,
    };
  };
  const history: PositionHistory = {
    sightings: (of) =>
      request(network, process, sightings, async (map) => [...(map.get(of) ?? [])], {
        deadlineMs: lagCalls.sightings.deadlineMs,
        away: () => modelErrors.make('store-away', 'no answer'),
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
    modelErrors.make('database-unreachable', `${region}'s guard: no answer (${why})`);
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
  const reached = () => !source.machine.still && network.reaches(site.name, source.region);
  if (!reached()) await guardProcess.clock.sleep(upstreamMs);
  if (!reached()) return { answers: false, said: 'timeout expired' };
  return source.running
    ? { answers: true, said: 'a session' }
    : { answers: false, said: 'connection refused' };
}

/**
 * Returns a function that calls a part on a region's machine beside its guard; the part lives as
 * long as the machine.
 */
function callsTo<S>(process: SimProcess, network: Network, site: Site, part: S, away: () => Error) {
  const address: Address<S> = {
    place: site.machine.name,
    dark: () => site.off,
    current: () => (site.off ? null : { process: site.dataPath(), service: part }),
  };
  return <T>({ deadlineMs }: Call, work: (part: S) => Promise<T>) =>
    request(network, process, address, work, { deadlineMs, away });
}

function doorFor(process: SimProcess, network: Network, site: Site): Door {
  const { name: region } = site;
  const ask = callsTo(process, network, site, site.door, () =>
    modelErrors.make('door-unreachable', `${region}'s door does not answer`),
  );
  return {
    region,
    status: () => ask(doorCalls.status, (door) => door.status()),
    set: (mode, token) => ask(doorCalls.set, (door) => door.set(mode, token)),
  };
}

function gatewayFor(process: SimProcess, network: Network, site: Site): GatewayControl {
  const { name: region } = site;
  const ask = callsTo(process, network, site, site.gateway, () =>
    modelErrors.make('gateway-unreachable', `${region}'s gateway does not answer`),
  );
  return {
    region,
    status: () => ask(gatewayCalls.status, (gateway) => gateway.status()),
    set: (mode, token) => ask(gatewayCalls.setMode, (gateway) => gateway.set(mode, token)),
    redeliver: (window, token) =>
      ask(gatewayCalls.redeliver, (gateway) => gateway.redeliver(window, token)),
  };
}
