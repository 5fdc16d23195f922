import type { EventQueue, Random } from '../../kernel/kernel.ts';
import type { History } from './history.ts';
import type { Network } from './network.ts';

/** The parts of a world that its models share. */
export interface Common {
  readonly queue: EventQueue;
  readonly random: Random;
  readonly network: Network;
  readonly history: History;
}
