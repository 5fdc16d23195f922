import { isThrowoverError, type Random } from '../../kernel/kernel.ts';
import type { SimProcess } from '../world/machine.ts';
import { type LocalFaults, local } from '../world/network.ts';
import type { Server } from './server.ts';

/** Longest time that a statement continues after the guard stopped waiting for it, ms. */
const lateMs = 3_000;

/** The ways in which a guard calls the parts beside it. */
export interface Calls {
  /** Part of a call: only the end of the process can interrupt it. */
  step<T>(effect: () => T): Promise<T>;
  /** A look, which may get no answer. */
  look<T>(effect: () => T): Promise<T>;
  /** A call to a file or a process: a fault makes it fail before its effect, or after it. */
  file<T>(effect: () => T): Promise<T>;
  /** A statement: as a file; or the server continues it after the guard was told that it failed. */
  statement<T>(effect: () => T): Promise<T>;
}

/**
 * Returns the calls. `failed` makes the error for the guard; no random number is drawn while no
 * call can fail.
 */
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
  /** It ends with the server process that runs it. */
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

/** Runs the effect; nobody is left to receive a refusal. */
function unheard(effect: () => unknown): void {
  try {
    effect();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
  }
}
