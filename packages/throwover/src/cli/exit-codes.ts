import { isThrowoverError } from '../kernel/kernel.ts';
import type { RunResult } from '../runbook/runbook.ts';

/** Exit codes for scripts; docs/cli.md lists the same. Each error's definition names its own. */
export const exitCodes = {
  ok: 0,
  /** The command ran and did not succeed. */
  failed: 1,
  /** The command line or a file is wrong. */
  usage: 2,
  /** A guard refused, or nobody confirmed this plan. */
  refused: 3,
  /** The run ended before its point of no return and took back what it had changed. */
  undone: 4,
  /** The run stopped in the middle: `throwover resume`. */
  interrupted: 5,
  /** Another run is in progress, or another controller has taken this one over. */
  otherRun: 6,
  /** A part that the command needs does not answer; nothing was begun. */
  away: 7,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Returns the exit code for how a run ended, as seen by this controller. */
export function exitCodeOfRun(result: RunResult): ExitCode {
  if (result.status === 'succeeded') return exitCodes.ok;
  if (result.status === 'undone') return exitCodes.undone;
  return result.error.code === 'run-lost' ? exitCodes.otherRun : exitCodes.interrupted;
}

export function exitCodeOf(error: unknown): ExitCode {
  return isThrowoverError(error) && error.exit !== null ? exitCodes[error.exit] : exitCodes.failed;
}
