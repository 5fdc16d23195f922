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
