import type { Identity } from './identity.ts';
import type { Machine, MachineOptions } from './machine.ts';

/**
 * Opens the machine of a configuration; `null` if it names no certificate. Throws
 * `certificate-files-wrong`, also if the certificate is not one of `expected`. What reads
 * certificates is loaded only where there is one.
 */
export async function machineOf(
  identity: Identity | undefined,
  options: MachineOptions,
): Promise<Machine | null> {
  if (identity === undefined) return null;
  const { openMachine } = await import('./open-machine.ts');
  return openMachine(identity, options);
}

/**
 * Opens the machine and starts what needs it. What does not start ends the machine too: the watch on
 * its files would keep the process alive, and nothing would start it again.
 */
export async function startWith<T>(
  identity: Identity | undefined,
  options: MachineOptions,
  start: (machine: Machine | null) => Promise<T>,
): Promise<T> {
  const machine = await machineOf(identity, options);
  try {
    return await start(machine);
  } catch (error) {
    await machine?.close();
    throw error;
  }
}
