import { ancestry } from '../database/history-of-writes.ts';
import type { Server } from '../database/server.ts';
import type { Fault } from '../scenario.ts';
import type { SimProcess } from './machine.ts';
import { clearWeather } from './network.ts';
import type { World } from './world.ts';

/** Gives the controller that works now, for the faults that affect it. */
export interface ActiveController {
  current(): SimProcess | null;
}

/** Starts the fault now, and ends it after its time if it is one that ends. */
export function strike(world: World, fault: Fault, controllers: ActiveController): void {
  const { what: _what, atMs: _at, onRun: _on, onStep: _step, ...detail } = fault;
  world.history.note({ type: 'fault', what: `${fault.what} ${JSON.stringify(detail)}` });
  const end = begin(world, fault, controllers);
  if (end !== undefined) world.queue.after(fault.forMs, end);
}

/** Starts the fault; returns what ends it after its time, if anything does. */
function begin(
  world: World,
  fault: Fault,
  controllers: ActiveController,
): (() => void) | undefined {
  const { history, queue, network, machines, sites, store, dns, scenario } = world;
  const siteOf = (name: string) => {
    const site = sites.find((one) => one.name === name);
    if (site === undefined) throw new Error(`no region ${name}`);
    return site;
  };
  switch (fault.what) {
    case 'lose-region': {
      const site = siteOf(fault.region);
      site.lose();
      return () => site.bringBack();
    }
    case 'stand': {
      const machine = machines[fault.place];
      machine.stand(fault.how);
      return () => machine.resume();
    }
    case 'cut':
      for (const [from, to] of fault.links) network.cut(from, to);
      return () => {
        for (const [from, to] of fault.links) network.mend(from, to);
      };
    case 'kill-guard':
      siteOf(fault.region).guardProcess?.dieIn(fault.steps);
      return;
    case 'stop-guard':
      return stopped(siteOf(fault.region).guardProcess);
    case 'kill-store':
      store.process?.dieIn(fault.steps);
      store.process?.onEnd(() => queue.after(fault.forMs, () => store.start()));
      return;
    case 'restart-serve': {
      const { process } = store;
      world.serves.current?.end();
      process?.onEnd(() => queue.after(fault.forMs, () => store.start()));
      return;
    }
    case 'stop-serve':
      return stopped(store.process);
    case 'second-serve': {
      const second = store.startSecond();
      return () => second?.kill();
    }
    case 'kill-controller':
      controllers.current()?.dieIn(fault.steps);
      return;
    case 'stop-controller':
      return stopped(controllers.current());
    case 'crash-database':
      siteOf(fault.region).server.crash();
      return;
    case 'database-fails': {
      const { server } = siteOf(fault.region);
      server.failing = fault.share;
      return () => {
        server.failing = 0;
      };
    }
    case 'somebody-opens': {
      const site = siteOf(fault.region);
      const { server } = site;
      if (fault.how === 'session') {
        if (server.hba === 'closed') server.slips = 1;
        world.clients[0]?.moveTo(site);
        return;
      }
      server.writeHba('open', 'somebody');
      if (fault.how !== 'on-disk') server.process?.deliver(() => server.reload());
      if (fault.how === 'and-back')
        server.process?.deliver(() => server.writeHba('closed', 'somebody'));
      return;
    }
    case 'somebody-closes': {
      const { server } = siteOf(fault.region);
      server.writeHba('closed', 'somebody');
      if (fault.loaded) server.process?.deliver(() => server.reload());
      return;
    }
    case 'jump-wall':
      machines[fault.place].jumpWall(fault.ms);
      return;
    case 'disk-full': {
      const full = fault.place === 'witness' ? store : siteOf(fault.place);
      full.diskFull = true;
      return () => {
        full.diskFull = false;
      };
    }
    case 'weather':
      network.weather = fault.weather;
      return () => {
        network.weather = scenario.weather;
      };
    case 'dns-fails':
      dns.failing = 0.5;
      return () => {
        dns.failing = 0;
      };
    case 'lag': {
      const lag = (ms: number) => {
        for (const { server } of sites) server.streaming.lagMs = ms;
      };
      lag(fault.ms);
      return () => lag(0);
    }
    case 'promote-by-hand': {
      const { server } = siteOf(fault.region);
      if (server.running && server.role === 'standby') server.promote('hand');
      return;
    }
    case 'foreign-cluster': {
      const { server, peer } = siteOf(fault.region);
      if (peer === null || !mayBeTakenAway(server, peer.server)) return;
      server.putForeign();
      return () => server.putOwnBack();
    }
    case 'halt':
      store.state.halt = { by: 'somebody', reason: 'halted', wallMs: 0 };
      history.note({ type: 'halt', on: true });
      return () => {
        store.state.halt = null;
        history.note({ type: 'halt', on: false });
      };
  }
}

/** Stops the process; returns what continues it. */
function stopped(process: SimProcess | null) {
  process?.stop();
  return () => process?.continue();
}

/**
 * Whether a person may replace this data: people do not take away the data that the service needs.
 */
function mayBeTakenAway(server: Server, other: Server): boolean {
  if (server.unusable || server.attaching) return false;
  const mine = server.copy.branch;
  const succeeded = other.copy.branch !== mine && [...ancestry(other.copy.branch)].includes(mine);
  return server.role === 'standby' ? other.role === 'primary' : succeeded;
}

/** Ends every fault; from now on only their consequences remain. */
export function heal(world: World): void {
  const { network, machines, sites, store, dns, history } = world;
  network.mendAll();
  network.weather = clearWeather;
  store.diskFull = false;
  store.state.halt = null;
  history.note({ type: 'halt', on: false });
  store.second?.kill();
  dns.failing = 0;
  for (const machine of Object.values(machines)) machine.resume();
  for (const machine of Object.values(machines)) {
    for (const process of machine.processes) process.continue();
  }
  store.start();
  for (const site of sites) {
    site.diskFull = false;
    site.server.streaming.lagMs = 0;
    site.server.failing = 0;
    site.server.slips = 0;
    site.server.putOwnBack();
    site.bringBack();
    site.startGuard();
  }
  history.note({ type: 'healed' });
}
