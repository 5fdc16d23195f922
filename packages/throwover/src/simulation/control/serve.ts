import { caretake, keepDoors, keepStanding } from '../../operations/operations.ts';
import { type Store, storeThrough } from '../../store/store.ts';
import type { SimProcess } from '../world/machine.ts';
import type { Serving, World } from '../world/world.ts';
import { operatedFrom } from './operated.ts';
import { callOf } from './witness-store.ts';

/**
 * Longest time that a process continues after it was told to end, ms; then its supervisor kills it.
 */
const graceMs = 5_000;

/** From now on each serving process also does the automatic work of `throwover serve --service`. */
export function beginServing(world: World): void {
  const { store } = world;
  store.onServe = (process, local) => {
    const serving = operate(world, process, local);
    if (process === store.process) world.serves.current = serving;
  };
  const running = store.current();
  if (running !== null) store.onServe(running.process, running.service);
}

/**
 * Starts the automatic work of `throwover serve --service`: the real caretaker, doorkeeper and
 * standing failover, in the process of the store. Begins when the service is known; ends with the
 * process.
 */
function operate(world: World, process: SimProcess, store: Store): Serving {
  const { scenario, history, random } = world;
  const name = `serve ${++world.serves.count}`;
  const service = operatedFrom({ name, process, world, store: inThisProcess(process, store) });
  const stop = new AbortController();
  const { signal } = stop;
  const log = (event: { readonly event: string; readonly error?: string | null }) => {
    if (!process.alive) return;
    history.note({ type: 'serve', name, event });
    // An error of throwover's begins with its code; anything else is a bug.
    const bug = event.event.endsWith('-failed') && !/^[a-z-]+: /.test(event.error ?? '');
    if (bug) history.note({ type: 'bug', where: name, error: event.error ?? event.event });
  };
  history.note({ type: 'serve-started', name });
  process.onEnd(() => history.note({ type: 'serve-ended', name }));
  const { standing, serveTakesOver } = scenario;
  const loops = [
    keepDoors({ service, signal, log }),
    ...(serveTakesOver ? [caretake({ service, signal, log })] : []),
    ...(standing === null
      ? []
      : [keepStanding({ service, policy: standing, signal, random, log })]),
  ];
  for (const loop of loops) {
    loop.catch((error: unknown) => {
      if (process.alive) history.note({ type: 'bug', where: name, error: String(error) });
    });
  }
  return {
    end: () => {
      stop.abort();
      void Promise.all(loops).then(() => process.kill());
      world.queue.after(graceMs, () => process.kill());
    },
  };
}

/**
 * Returns the store for code in the same process: nothing is sent, and nothing continues after the
 * process has ended.
 */
function inThisProcess(process: SimProcess, store: Store): Store {
  return storeThrough(
    (name, input) =>
      new Promise<unknown>((resolve, reject) => {
        if (!process.alive) return;
        callOf(store, name, input).then(
          (value) => process.deliver(() => resolve(value)),
          (error) => process.deliver(() => reject(error)),
        );
      }),
  );
}
