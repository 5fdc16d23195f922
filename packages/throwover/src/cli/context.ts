import type { Session } from './session.ts';
import type { Output, Terminal } from './terminal.ts';

/** What a command works with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly output: Output;
  readonly session: Session;
}
