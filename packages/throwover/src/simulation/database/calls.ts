import { isThrowoverError, type Random } from '../../kernel/kernel.ts';
import type { SimProcess } from '../world/machine.ts';
import { type LocalFaults, local } from '../world/network.ts';
import type { Server } from './server.ts';

/** Longest time by which a statement outlives the guard's patience with it, ms. */
const lateMs = 3_000;

/** The ways in which a guard calls what stands beside it. */
export interface Calls {
  /** Part of a call: only the end of the process comes between. */
  step<T>(effect: () => T): Promise<T>;
  /** It may get no answer. */
  look<T>(effect: () => T): Promise<T>;
  /** A file or a process: when the world wants it, it errs before it has done anything, or although it has. */
  file<T>(effect: () => T): Promise<T>;
  /** A statement: as a file, or the server goes on with it after the guard was told that it failed. */
  statement<T>(effect: () => T): Promise<T>;
}

/** `failed`: the error that the guard gets; nothing is drawn while nothing is to fail. */
export function callsOf(options: {
  server: Server;
  process: SimProcess;
  random: Random;
  faults: LocalFaults;
  failed: () => Error;
}): Calls {
  const { server, process, random, faults, failed } = options;
  const step = <T>(effect: () => T) => local(process, random, faults, effect);
  const fails = () => server.failing > 0 && random.next() < server.failing;
  const nothingDone = () =>
    step(() => {
      throw failed();
    });
  const doneAndFailed = (effect: () => unknown) =>
    step(() => {
      effect();
      throw failed();
    });
  /** It ends with the server that has it. */
  const doneLater = (effect: () => unknown) =>
    step(() => {
      const { process: postgres } = server;
      process.machine.queue.after(random.next() * lateMs, () =>
        postgres?.deliver(() => unheard(effect)),
      );
      throw failed();
    });
  return {
    step,
    look: (effect) => (fails() ? nothingDone() : step(effect)),
    file: (effect) => {
      if (!fails()) return step(effect);
      return random.next() < 0.5 ? nothingDone() : doneAndFailed(effect);
    },
    statement: (effect) => {
      if (!fails()) return step(effect);
      return random.pick([nothingDone, doneAndFailed, doneLater])(effect);
    },
  };
}

/** Nobody is there any more who could be told that it was refused. */
function unheard(effect: () => unknown): void {
  try {
    effect();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
  }
}
