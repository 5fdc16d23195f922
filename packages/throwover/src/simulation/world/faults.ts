import { ancestry } from '../database/history-of-writes.ts';
import type { Server } from '../database/server.ts';
import type { Fault } from '../scenario.ts';
import type { SimProcess } from './machine.ts';
import type { World } from './world.ts';

/** Gives the controller that works now, for the faults that affect it. */
export interface ActiveController {
  current(): SimProcess | null;
}

/** Starts the fault now and normally ends it after its time. */
export function strike(world: World, fault: Fault, controllers: ActiveController): void {
  const { history, queue, network, machines, sites, store, dns, scenario } = world;
  const siteOf = (name: string) => {
    const site = sites.find((one) => one.name === name);
    if (site === undefined) throw new Error(`no region ${name}`);
    return site;
  };
  const { what: _what, atMs: _at, onRun: _on, onStep: _step, ...detail } = fault;
  history.note({ type: 'fault', what: `${fault.what} ${JSON.stringify(detail)}` });
  const later = (then: () => void) => queue.after(fault.forMs, then);
  switch (fault.what) {
    case 'lose-region': {
      const site = siteOf(fault.region);
      site.lose();
      later(() => site.bringBack());
      return;
    }
    case 'stand': {
      const machine = machines[fault.place];
      machine.stand(fault.how);
      later(() => machine.resume());
      return;
    }
    case 'cut':
      for (const [from, to] of fault.links) network.cut(from, to);
      later(() => {
        for (const [from, to] of fault.links) network.mend(from, to);
      });
      return;
    case 'kill-guard':
      siteOf(fault.region).guardProcess?.dieIn(fault.steps);
      return;
    case 'stop-guard': {
      const process = siteOf(fault.region).guardProcess;
      process?.stop();
      later(() => process?.continue());
      return;
    }
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
    case 'stop-serve': {
      const { process } = store;
      process?.stop();
      later(() => process?.continue());
      return;
    }
    case 'second-serve': {
      const second = store.startSecond();
      later(() => second?.kill());
      return;
    }
    case 'kill-controller':
      controllers.current()?.dieIn(fault.steps);
      return;
    case 'stop-controller': {
      const process = controllers.current();
      process?.stop();
      later(() => process?.continue());
      return;
    }
    case 'crash-database':
      siteOf(fault.region).server.crash();
      return;
    case 'database-fails': {
      const { server } = siteOf(fault.region);
      server.failing = fault.share;
      later(() => {
        server.failing = 0;
      });
      return;
    }
    case 'somebody-opens': {
      const site = siteOf(fault.region);
      const { server } = site;
      if (fault.how === 'session') {
        if (server.hba === 'closed') server.slips = 1;
        world.clients[0]?.moveTo(site);
        return;
      }
      server.writeHba('open');
      if (fault.how !== 'on-disk') server.process?.deliver(() => server.reload('somebody: open'));
      if (fault.how === 'and-back') server.process?.deliver(() => server.writeHba('closed'));
      return;
    }
    case 'somebody-closes': {
      const { server } = siteOf(fault.region);
      server.writeHba('closed');
      if (fault.loaded) server.process?.deliver(() => server.reload('somebody: closed'));
      return;
    }
    case 'jump-wall':
      machines[fault.place].jumpWall(fault.ms);
      return;
    case 'disk-full': {
      const { place } = fault;
      const full = (on: boolean) => {
        if (place === 'witness') store.diskFull = on;
        else siteOf(place).diskFull = on;
      };
      full(true);
      later(() => full(false));
      return;
    }
    case 'weather':
      network.weather = fault.weather;
      later(() => {
        network.weather = scenario.weather;
      });
      return;
    case 'dns-fails':
      dns.failing = 0.5;
      later(() => {
        dns.failing = 0;
      });
      return;
    case 'lag':
      for (const { server } of sites) server.streaming.lagMs = fault.ms;
      later(() => {
        for (const { server } of sites) server.streaming.lagMs = 0;
      });
      return;
    case 'promote-by-hand': {
      const { server } = siteOf(fault.region);
      if (server.running && server.role === 'standby') server.promote('hand');
      return;
    }
    case 'foreign-cluster': {
      const { server, peer } = siteOf(fault.region);
      if (peer === null || !mayBeTakenAway(server, peer.server)) return;
      server.putForeign();
      later(() => server.putOwnBack());
      return;
    }
    case 'halt':
      store.state.halt = { by: 'somebody', reason: 'halted', wallMs: 0 };
      history.note({ type: 'halt', on: true });
      later(() => {
        store.state.halt = null;
        history.note({ type: 'halt', on: false });
      });
  }
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
  network.weather = { lose: 0, duplicate: 0, holdBack: 0, heldBackMs: 0 };
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
