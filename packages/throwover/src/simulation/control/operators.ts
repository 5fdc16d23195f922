import { SimProcess } from '../world/machine.ts';
import type { World } from '../world/world.ts';
import { Controller } from './controller.ts';
import { service } from './run-policy.ts';
import { bug } from './site.ts';
import { storeOver } from './witness-store.ts';

/** Longest time for which a person watches one command, ms; then a person tries another one. */
const watchMs = 200_000;

/** The people who type commands; each command is a separate process. */
export class Operators {
  readonly #world: World;
  #numbers = 0;
  /** Processes of the controllers, newest last. */
  readonly #working: SimProcess[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  current(): SimProcess | null {
    return this.#working.findLast(({ alive }) => alive) ?? null;
  }

  /**
   * Runs a command in a new process; resolves when the process has ended, or nobody waits for it any
   * more.
   */
  command(place: 'ops1' | 'ops2', work: (controller: Controller) => Promise<void>): Promise<void> {
    const { machines, queue, history } = this.#world;
    const name = `controller ${++this.#numbers} at ${place}`;
    const process = new SimProcess(name, machines[place]);
    this.#working.push(process);
    const controller = new Controller({ name, process, world: this.#world });
    return new Promise((resolve) => {
      process.onEnd(resolve);
      queue.after(watchMs, resolve);
      const over = () => process.kill();
      work(controller).then(over, (error) => {
        history.note(bug(name, error));
        over();
      });
    });
  }

  /** Returns the store's open run; `undefined` when the store does not answer. */
  async openRun(): Promise<string | null | undefined> {
    const { machines, network, store } = this.#world;
    const process = new SimProcess('throwover runs', machines.ops2);
    try {
      return (await storeOver(network, process, store).service(service)).openRun;
    } catch {
      return undefined;
    } finally {
      process.kill();
    }
  }
}
