import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { functionsReport } from './functions-report.ts';
import { functionsText } from './functions-view.ts';

/**
 * `throwover functions`: shows how much the active region uses, how many instances the other region
 * must have warm and may have, and the cost and results of each strategy. Changes nothing. Throws
 * `functions-prices-old`.
 */
export async function functionsCommand(
  { output, session }: CommandContext,
  { to }: { to: string | null },
): Promise<ExitCode> {
  const report = await functionsReport(session, to);
  output.result(report, functionsText(report));
  return exitCodes.ok;
}
