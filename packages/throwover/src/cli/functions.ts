import type { CommandContext } from './context.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { functionsReport } from './functions-report.ts';
import { functionsText } from './functions-view.ts';

/**
 * `throwover functions`: how much the active region uses, how much the other one must have warm and may
 * have, and what each strategy costs and has brought. Changes nothing. Throws `functions-prices-old`.
 */
export async function functionsCommand(
  { output, session }: CommandContext,
  { to }: { to: string | null },
): Promise<ExitCode> {
  const report = await functionsReport(session, to);
  output.result(report, functionsText(report));
  return exitCodes.ok;
}
