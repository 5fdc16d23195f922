import type { ClusterMemory, FenceProof, RunCommand } from '../../authority/authority.ts';
import type { Guard } from '../../authority/guard/guard.ts';
import { newGuardMemory } from '../../authority/guard/guard.ts';
import { isThrowoverError, type Random } from '../../kernel/kernel.ts';
import { Client } from '../application/clients.ts';
import { Site, type SiteOptions, strangerRun } from '../control/site.ts';
import { storeOver } from '../control/witness-store.ts';
import type { Server } from '../database/server.ts';
import { modelErrors } from '../model-errors.ts';
import type { StrangerKind } from '../scenario.ts';
import type { Common } from './common.ts';
import { type Machine, SimProcess } from './machine.ts';
import { request } from './network.ts';

const commandMs = 15_000;

/** Time between two copies of the primary's log to the third region, ms. */
const streamMs = 400;

type Shared = Common &
  Pick<SiteOptions, 'disk' | 'service' | 'policy' | 'store'> & {
    readonly nextKey: () => number;
  };

/**
 * A third region whose guard names east as its peer, though east's names west; and a controller
 * that does not belong to this service. The guards of the pair must refuse all its commands.
 */
export class Stranger {
  readonly #north: Site;
  readonly #east: Site;
  readonly #west: Site;
  readonly #client: Client;
  readonly #controller: SimProcess;
  readonly #shared: Shared;
  readonly #kind: StrangerKind;

  constructor(
    options: Shared & {
      readonly kind: StrangerKind;
      /**
       * The same as the pair's: its data was copied from there, so only its pair distinguishes it.
       */
      readonly cluster: ClusterMemory;
      readonly server: Server;
      readonly east: Site;
      readonly west: Site;
      readonly machines: { readonly ops1: Machine; readonly users: Machine };
    },
  ) {
    const { kind, cluster, server, east, west, machines, ...shared } = options;
    this.#shared = shared;
    this.#kind = kind;
    this.#east = east;
    this.#west = west;
    this.#north = new Site({
      ...shared,
      region: 'north',
      server,
      memory: { ...newGuardMemory(), cluster, known: { epoch: 1, active: 'east' }, followed: 1 },
      active: 'east',
      deliver: async () => {
        throw modelErrors.make('database-unreachable', 'no sender knows the third region');
      },
    });
    this.#north.peer = east;
    this.#north.serverOf = (region) =>
      region === 'north' ? server : region === 'east' ? east.server : west.server;
    server.upstream = east.server;
    const { random, network, nextKey } = shared;
    this.#client = new Client(9, 200, {
      ...{ random, network, nextKey },
      machine: machines.users,
      sites: [this.#north],
      active: () => 'north',
      onToken: () => {},
    });
    this.#controller = new SimProcess('a controller of another service', machines.ops1);
  }

  start(): void {
    this.#north.server.start();
    this.#north.startGuard();
    this.#stream();
    void this.#client.run();
    void this.#act().catch((error) => {
      // The command was refused, as it must be, or got no answer.
      if (!isThrowoverError(error)) throw error;
    });
  }

  #stream(): void {
    const { server } = this.#north;
    if (server.follows(this.#east.server))
      server.receive(this.#east.server, this.#east.server.copy);
    this.#shared.queue.after(streamMs, () => this.#stream());
  }

  async #act(): Promise<void> {
    const { random } = this.#shared;
    const { clock } = this.#controller;
    await clock.sleep(1_000 + 5_000 * random.next());
    switch (this.#kind) {
      case 'other-service': {
        const to = await this.#command(this.#west, { to: 'west', service: 'search' });
        await this.#promote(this.#west, to, overridden);
        return;
      }
      case 'proof-of-another-region': {
        const command = await this.#command(this.#west, { to: 'west' });
        const { received } = await this.#ask(this.#west, (guard) => guard.status());
        if (received === null) return;
        const { token } = command;
        await this.#promote(this.#west, command, {
          kind: 'confirmed',
          region: 'north',
          position: received,
          token,
        });
        return;
      }
      case 'token-of-another-run': {
        // As a second store gives it out: the same number for another run.
        for (;;) {
          const { token } = await this.#ask(this.#west, (guard) => guard.status());
          const { scope } = await this.#command(this.#west, { to: 'west' });
          if (token > 0) return this.#promote(this.#west, { scope, token }, overridden);
          await clock.sleep(20);
        }
      }
      case 'third-region':
        return this.#switchOver(random);
      case 'third-region-by-expiry':
        return this.#failOver();
    }
  }

  /** Fences east for a run to north; its deadline may pass before north is promoted. */
  async #switchOver(random: Random): Promise<void> {
    const { clock } = this.#controller;
    const command = await this.#command(this.#east, { to: 'north' });
    const fence = { ...command, openTransactionsMs: 500, deadlineMs: 10_000 };
    const proof = await this.#ask(this.#east, (guard) => guard.fence(fence));
    await clock.sleep(16_000 * random.next());
    await this.#promote(this.#north, command, proof);
  }

  /**
   * The store has granted east nothing for a lease; only west's guard knows why east still writes.
   */
  async #failOver(): Promise<void> {
    const { clock } = this.#controller;
    const { leaseMs, driftBound } = this.#shared.policy.timing;
    await clock.sleep(2 * leaseMs);
    const command = await this.#command(this.#north, { to: 'north' });
    await this.#promote(this.#north, command, {
      ...{ kind: 'expired', region: 'east', epoch: 1, token: command.token },
      ...{ leaseMs, driftBound, waitedMs: 2 * leaseMs },
    });
  }

  async #promote(site: Site, command: RunCommand, proof: FenceProof): Promise<void> {
    const epoch = 2;
    await this.#ask(site, (guard) => guard.promote({ ...command, epoch, proof, lossy: null }));
    // Its run continues: from here on the store grants the right to write there.
    const { network, store, service } = this.#shared;
    const active = site.name;
    await storeOver(network, this.#controller, store).adoptEpoch({ service, epoch, active });
  }

  /** Returns a command with a token that its guard has not seen yet. */
  async #command(site: Site, given: { to: string; service?: string }): Promise<RunCommand> {
    const { token } = await this.#ask(site, (guard) => guard.status());
    const { service } = this.#shared;
    const scope = { service, run: strangerRun, from: 'east', ...given };
    return { scope, token: token + 1 };
  }

  #ask<T>(site: Site, work: (guard: Guard) => Promise<T>): Promise<T> {
    return request(this.#shared.network, this.#controller, site.address, work, {
      deadlineMs: commandMs,
      away: (why) =>
        modelErrors.make('database-unreachable', `${site.name} does not answer (${why})`),
    });
  }
}

const overridden: FenceProof = {
  kind: 'overridden',
  by: 'somebody of another team',
  reason: 'for another service',
};
