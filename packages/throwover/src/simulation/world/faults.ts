import type { Fault } from '../scenario.ts';
import type { SimProcess } from './machine.ts';
import type { World } from './world.ts';

/** A controller that works now, for the faults that are about it. */
export interface ActiveController {
  current(): SimProcess | null;
}

/** Lets the fault happen now, and takes it back after its time: mostly. */
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
    case 'halt':
      store.state.halt = { by: 'somebody', reason: 'halted', wallMs: 0 };
      later(() => {
        store.state.halt = null;
      });
  }
}

/** From here on nothing is wrong any more, apart from what the faults have left behind. */
export function heal(world: World): void {
  const { network, machines, sites, store, dns, history } = world;
  network.mendAll();
  network.weather = { lose: 0, duplicate: 0, holdBack: 0, heldBackMs: 0 };
  store.diskFull = false;
  store.state.halt = null;
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
    site.bringBack();
    site.startGuard();
  }
  history.note({ type: 'healed' });
}
