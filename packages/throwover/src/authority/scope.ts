import type { RunCommand } from './messages.ts';

/** Returns the scope and token for every command of this run. */
export function commandOf(run: {
  readonly service: string;
  readonly runId: string;
  readonly from: string;
  readonly to: string;
  readonly token: number;
}): RunCommand {
  const { service, runId, from, to, token } = run;
  return { scope: { service, run: runId, from, to }, token };
}
