/**
 * Two regions of one service. In a run, data moves from `from` to `to`. In a question between
 * guards, `from` asks `to`.
 */
export interface Pair {
  readonly service: string;
  readonly from: string;
  readonly to: string;
}

/** The run that a command is sent for. */
export interface RunScope extends Pair {
  readonly run: string;
}

/**
 * The scope and token that every command carries. The guard checks them before anything else
 * (guard/pairing.ts).
 */
export interface RunCommand {
  readonly scope: RunScope;
  /** The run's fencing token. */
  readonly token: number;
}

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
