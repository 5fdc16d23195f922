import type { EventQueue } from '../kernel/kernel.ts';
import { scenarioOf } from './scenario.ts';
import { SimProcess } from './world/machine.ts';
import { clearWeather } from './world/network.ts';
import { createWorld, type World } from './world/world.ts';

/**
 * A world in which nothing happens by itself: no fault, no client, exact clocks, and a clear network
 * that takes no time to the witness.
 */
export function quietWorld(): { world: World; operator: SimProcess } {
  const scenario = scenarioOf(1, {});
  const exact = (of: Readonly<Record<string, number>>, value: number) =>
    Object.fromEntries(Object.keys(of).map((place) => [place, value]));
  const world = createWorld(
    {
      ...scenario,
      ...{ strict: false, synchronous: false, standing: null, stranger: null },
      ...{ clients: 0, actions: [], faults: [], weather: clearWeather, witnessApartMs: 0 },
      rates: exact(scenario.rates, 1) as typeof scenario.rates,
      wallOffsetsMs: exact(scenario.wallOffsetsMs, 0) as typeof scenario.wallOffsetsMs,
    },
    null,
  );
  return { world, operator: new SimProcess('operator', world.machines.ops1) };
}

/** Longest virtual time for one call, ms: a call that takes longer waits for something that never comes. */
const patienceMs = 3_600_000;

/**
 * Returns a function that gives a port of the simulation to code outside of it: virtual time runs
 * while a call is open, and stands still otherwise.
 */
export function drivenBy(queue: EventQueue): <Port extends object>(port: Port) => Port {
  let open = 0;
  let running: Promise<unknown> | null = null;
  const run = async () => {
    const untilMs = queue.nowMs() + patienceMs;
    const end = await queue.run({ untilMs, done: () => open === 0 });
    running = null;
    if (end !== 'done') throw new Error(`a call waits for something that never comes (${end})`);
  };
  const settled = async (answer: Promise<unknown>) => {
    let ended = false;
    const end = () => {
      ended = true;
      open -= 1;
    };
    open += 1;
    const over = answer.then(end, end);
    while (!ended) {
      running ??= run();
      await Promise.race([over, running]);
    }
    return answer;
  };
  return (port) =>
    new Proxy(port, {
      get: (target, name) => {
        const part: unknown = Reflect.get(target, name);
        if (typeof part !== 'function') return part;
        return (...given: unknown[]) => {
          const answer: unknown = Reflect.apply(part, target, given);
          return answer instanceof Promise ? settled(answer) : answer;
        };
      },
    });
}

/** Lets this much virtual time pass. */
export async function pass(queue: EventQueue, ms: number): Promise<void> {
  const untilMs = queue.nowMs() + ms;
  // An event at the end, because time does not pass where nothing will happen.
  queue.at(untilMs, () => {});
  await queue.run({ untilMs });
}
