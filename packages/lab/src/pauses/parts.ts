/** The parts of a lab that can be paused, recognised by the command that started the process. */
export const parts = [
  'guard',
  'postgres',
  'door',
  'gateway',
  'functions',
  'instance',
  'serve',
  'controller',
  'dns',
] as const;
export type Part = (typeof parts)[number];

/**
 * Returns the part that a process is; null: not one that is paused (clients, sender, supervisors,
 * other commands).
 */
export function partOf(argv: readonly string[]): Part | null {
  const has = (end: string) => argv.some((word) => word.endsWith(end));
  const [program = ''] = argv;
  if (/(^|\/)postgres(:|$)/.test(program)) return 'postgres';
  for (const part of ['guard', 'door', 'gateway', 'functions'] as const) {
    if (argv.some((word) => word.endsWith(`-${part}.json`))) return part;
  }
  if (has('functions/runtime.ts')) return 'instance';
  if (has('dns/dns-server.ts')) return 'dns';
  const bin = argv.findIndex((word) => word.endsWith('bin/throwover.js'));
  if (bin < 0) return null;
  const command = argv[bin + 1];
  if (command === 'serve') return 'serve';
  return command === 'switchover' || command === 'resume' ? 'controller' : null;
}
