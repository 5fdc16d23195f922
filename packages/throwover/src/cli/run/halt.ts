import { isoTime } from '../../kernel/kernel.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { owner } from '../session.ts';

/**
 * `throwover halt --reason TEXT`, `throwover halt --off`, `throwover halt`: the kill switch for
 * every service of this store. Open runs stop at their next safe point and no run begins; a person
 * may still resume and abort. Without an option it shows the state.
 */
export async function haltCommand(
  { output, session, terminal }: CommandContext,
  options: { reason: string | undefined; off: boolean },
): Promise<ExitCode> {
  const { store } = session.parts;
  const { reason, off } = options;
  if (off && reason !== undefined) {
    throw cliErrors.make('usage-wrong', 'give --reason TEXT or --off, not both');
  }
  if (off) await store.setHalt(null);
  else if (reason !== undefined) {
    await store.setHalt({ by: owner(), reason, wallMs: terminal.clock.wallMs() });
  }
  const halt = await store.halt();
  const text =
    halt === null
      ? 'Not halted: runs begin and go on.'
      : `HALTED since ${isoTime(halt.wallMs)} by ${halt.by}: ${halt.reason}\nRuns stop at their next safe point. Back: throwover halt --off`;
  output.result({ halt }, text);
  return exitCodes.ok;
}
