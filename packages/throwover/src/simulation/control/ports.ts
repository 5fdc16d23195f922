import type { DatabaseSide, UpstreamWord } from '../../authority/authority.ts';
import type { Guard } from '../../authority/guard/guard.ts';
import { defineErrors, type Random } from '../../kernel/kernel.ts';
import type { PositionHistory, Sighting } from '../../replication/replication.ts';
import type { RunPorts } from '../../runs/runs.ts';
import type { Store } from '../../store/store.ts';
import type { Door } from '../../traffic/traffic.ts';
import type { GatewayControl } from '../../webhooks/webhooks.ts';
import type { ModelDns } from '../application/dns.ts';
import { doorAway, type ModelDoor } from '../application/door.ts';
import { gatewayAway, type ModelGateway } from '../application/gateway.ts';
import type { SimProcess } from '../world/machine.ts';
import { type Address, type Network, request } from '../world/network.ts';
import type { Site } from './site.ts';
import { storeOver } from './witness-store.ts';

const errors = defineErrors({
  'database-unreachable': { disposition: 'retry', notLost: '', remedy: '' },
  'store-away': { disposition: 'retry', notLost: '', remedy: '' },
  'no-such-region': { disposition: 'stop', notLost: '', remedy: '' },
});

/** Deadlines of the ports, ms. */
const statusMs = 2_000;
const commandMs = 15_000;
const attachMs = 40_000;
const doorMs = 3_000;

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
        deadlineMs: doorMs,
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
  const ask = <T>(deadlineMs: number, work: (guard: Guard) => Promise<T>) =>
    request(network, process, address, work, {
      deadlineMs,
      away: (why) => errors.make('database-unreachable', `${region}'s guard: no answer (${why})`),
    });
  return {
    region,
    status: () => ask(statusMs, (guard) => guard.status()),
    upstream: () => ask(statusMs, () => upstreamOf(site, network)),
    admit: (command) => ask(commandMs, (guard) => guard.admit(command)),
    checkpoint: (command) => ask(commandMs, (guard) => guard.checkpoint(command)),
    prewarm: (command) => ask(commandMs, (guard) => guard.prewarm(command)),
    fence: (command) => ask(commandMs, (guard) => guard.fence(command)),
    unfence: (command) => ask(commandMs, (guard) => guard.unfence(command)),
    renounce: (command) => ask(commandMs, (guard) => guard.renounce(command)),
    endPromises: (command) => ask(commandMs, (guard) => guard.endPromises(command)),
    promote: (command) => ask(commandMs, (guard) => guard.promote(command)),
    stop: (command) => ask(commandMs, (guard) => guard.stop(command)),
    salvage: (command) => ask(attachMs, (guard) => guard.salvage(command)),
    attach: (command) => ask(attachMs, (guard) => guard.attach(command)),
  };
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
  const options = { deadlineMs: doorMs, away: () => doorAway(site.name) };
  return {
    region: site.name,
    status: () => request(network, process, address, (door) => door.status(), options),
    set: (mode, token) =>
      request(network, process, address, (door) => door.set(mode, token), options),
  };
}

function gatewayFor(process: SimProcess, network: Network, site: Site): GatewayControl {
  const address = onMachine<ModelGateway>(site, site.gateway);
  const options = { deadlineMs: doorMs, away: () => gatewayAway(site.name) };
  return {
    region: site.name,
    status: () => request(network, process, address, (gateway) => gateway.status(), options),
    set: (mode, token) =>
      request(network, process, address, (gateway) => gateway.set(mode, token), options),
    redeliver: (window, token) =>
      request(network, process, address, (gateway) => gateway.redeliver(window, token), options),
  };
}
