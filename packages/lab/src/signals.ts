import { systemClock } from 'throwover/kernel';
import { kill, processTree } from './faults/process-tree.ts';

/** Signals that end a command, each with the exit code that a shell reports for it. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
type EndSignal = keyof typeof exitCodes;

/**
 * npm passes on a Ctrl-C that the terminal has already sent: within this time it counts as the same
 * one, ms.
 */
const sameSignalMs = 500;

/** A person has stopped the command. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: EndSignal) {
    super(`stopped by ${signal}`);
    this.exitCode = exitCodes[signal];
  }
}

/** A lab, as far as it must be stopped. */
interface Stoppable {
  down(): Promise<void>;
  /** Every process of it that is alive, and every process that this one has started. */
  pids(): Promise<readonly number[]>;
}

/**
 * Starts a lab, does the work with it, and stops it, also when the work fails. At Ctrl-C or SIGTERM
 * it gives up what it does, stops the lab and throws `Interrupted`. A second signal ends the process
 * at once.
 */
export async function stoppable<Lab extends Stoppable, Result>(
  up: () => Promise<Lab>,
  work: (lab: Lab) => Promise<Result>,
): Promise<Result> {
  const signals = listenForSignals();
  let lab: Lab | null = null;
  try {
    lab = await Promise.race([up(), signals.first]);
    return await Promise.race([work(lab), signals.first]);
  } finally {
    if (signals.interrupted()) await endAll(lab);
    else await lab?.down();
    signals.stop();
  }
}

/** Stops the lab under a start or work that goes on: it may fail anywhere, and start more. */
async function endAll(lab: Stoppable | null): Promise<void> {
  process.on('uncaughtException', () => {});
  await lab?.down().catch(() => {});
  for (;;) {
    const left = await (lab?.pids() ?? startedHere());
    if (left.length === 0) return;
    await kill(left);
  }
}

/** Returns every live process below this one. */
export async function startedHere(): Promise<readonly number[]> {
  return (await processTree([process.pid])).filter((pid) => pid !== process.pid);
}

function listenForSignals() {
  const { promise: first, reject } = Promise.withResolvers<never>();
  // It may be rejected while nobody waits for it.
  first.catch(() => {});
  let interrupted: Interrupted | null = null;
  let askedMs = 0;
  const onSignal = (signal: EndSignal) => {
    const nowMs = systemClock.monotonicMs();
    if (interrupted !== null) {
      if (nowMs - askedMs < sameSignalMs) return;
      process.exit(interrupted.exitCode);
    }
    askedMs = nowMs;
    interrupted = new Interrupted(signal);
    console.error('stopping the lab (Ctrl-C again: at once)');
    reject(interrupted);
  };
  const names = Object.keys(exitCodes) as EndSignal[];
  for (const name of names) process.on(name, onSignal);
  return {
    first,
    interrupted: () => interrupted !== null,
    stop: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
