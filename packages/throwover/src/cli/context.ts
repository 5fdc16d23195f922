import type { Session } from './session.ts';
import type { Output, Terminal } from './terminal.ts';

/** The parts that every command works with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly output: Output;
  readonly session: Session;
}
