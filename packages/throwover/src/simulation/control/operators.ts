import type { EventQueue } from '../../kernel/kernel.ts';
import { lostPatienceMs } from '../../replication/replication.ts';
import { SimProcess } from '../world/machine.ts';
import { service, type World } from '../world/world.ts';
import { Controller, type Ended } from './controller.ts';
import { storeOver } from './witness-store.ts';

/** Longest time for which a person watches one command, ms; then another one is tried. */
const watchMs = 200_000;

/** Time between two looks of `throwover serve` at runs whose controller is gone, ms. */
const lookMs = 1_000;

/** Pause before a run that stayed open is taken up again, ms; doubled each time. */
const firstPauseMs = 5_000;
const longestPauseMs = 40_000;

/** The people, and the `serve` that takes runs over; each command is a process of its own. */
export class Operators {
  readonly #world: World;
  #numbers = 0;
  /** Controllers that work, newest last. */
  readonly #working: SimProcess[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  current(): SimProcess | null {
    return this.#working.findLast(({ alive }) => alive) ?? null;
  }

  /** Runs a command in a new process; `null` when the process ended, or nobody waits for it any more. */
  command(
    place: 'ops1' | 'ops2' | 'witness',
    work: (controller: Controller, process: SimProcess) => Promise<Ended>,
  ): Promise<Ended | null> {
    const { machines, queue, surroundings, history, store } = this.#world;
    const name = `controller ${++this.#numbers} at ${place}`;
    const process = new SimProcess(name, machines[place]);
    this.#working.push(process);
    const controller = new Controller({
      name,
      process,
      surroundings,
      history,
      policy: runPolicy(this.#world),
    });
    return new Promise((resolve) => {
      const over = (ended: Ended | null) => {
        resolve(ended);
        process.kill();
      };
      process.onEnd(() => resolve(null));
      if (place === 'witness') store.process?.onEnd(() => process.kill());
      afterAll(queue, watchMs, () => resolve(null));
      work(controller, process).then(over, (error) => {
        history.note({ type: 'bug', where: name, error: String(error?.stack ?? error) });
        over(null);
      });
    });
  }

  /** The run that is open, as the store says; `undefined` when it does not answer. */
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

  /** `throwover serve --service`: takes over what nobody carries on any more. */
  async serveTakesOver(): Promise<void> {
    const { store, queue } = this.#world;
    let pauseMs = firstPauseMs;
    let idleUntilMs = 0;
    for (;;) {
      await new Promise<void>((resolve) => queue.after(lookMs, resolve));
      const { process } = store;
      const running = store.current()?.service;
      if (!process?.alive || process.still || running === undefined) continue;
      if (store.state.halt !== null || queue.nowMs() < idleUntilMs) continue;
      const { openRun } = await running.service(service);
      if (openRun === null) {
        pauseMs = firstPauseMs;
        continue;
      }
      const ended = await this.command('witness', (controller) => controller.caretake(openRun));
      // Its controller lives, mostly.
      if (ended === null || ended.status === 'refused') continue;
      if (ended.status === 'open') {
        idleUntilMs = queue.nowMs() + pauseMs;
        pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      }
    }
  }
}

function afterAll(queue: EventQueue, ms: number, then: () => void): void {
  queue.after(ms, then);
}

function runPolicy({ scenario }: World) {
  return {
    service,
    lagBoundMs: 1_000,
    armTimeoutMs: 8_000,
    doorHoldMs: 5_000,
    openTransactionsMs: 500,
    attachTimeoutMs: 60_000,
    fenceDeadlineMs: 10_000,
    strict: scenario.strict,
    synchronous: scenario.synchronous,
    lossBoundMs: scenario.lossBoundMs,
    idsPerSecond: 50,
    home: null,
    standsInFrom: [],
    lostPatienceMs,
    forwardUrl: '',
    backwardUrl: '',
    deliverUrl: '',
    returnUrl: '',
    warm: null,
  };
}
