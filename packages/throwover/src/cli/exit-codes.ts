import { isThrowoverError } from '../kernel/kernel.ts';
import type { RunResult } from '../runbook/runbook.ts';

/** Exit codes for scripts; docs/cli.md lists the same. */
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

const byCode: Readonly<Record<string, ExitCode>> = {
  'node-too-old': exitCodes.usage,
  'usage-wrong': exitCodes.usage,
  'process-config-wrong': exitCodes.usage,
  'service-file-missing': exitCodes.usage,
  'service-file-wrong': exitCodes.usage,
  'no-such-region': exitCodes.usage,
  'secret-missing': exitCodes.usage,
  'own-step-misplaced': exitCodes.usage,
  'already-active': exitCodes.usage,
  'no-such-run': exitCodes.usage,
  'no-open-run': exitCodes.usage,
  'evidence-wrong': exitCodes.usage,
  'run-ended': exitCodes.usage,
  'no-such-loss': exitCodes.usage,
  'guard-config-wrong': exitCodes.usage,
  'edge-config-invalid': exitCodes.usage,
  'gateway-config-invalid': exitCodes.usage,
  'gateway-secret-missing': exitCodes.usage,
  'no-such-kind': exitCodes.usage,
  'override-unknown': exitCodes.usage,
  'bad-request': exitCodes.usage,
  'runbook-not-printed': exitCodes.usage,
  'survey-no-zone': exitCodes.usage,
  'survey-no-resolver': exitCodes.usage,
  'no-such-metric': exitCodes.usage,
  'no-such-baseline': exitCodes.usage,
  'baseline-differs': exitCodes.usage,
  'effect-wrong': exitCodes.usage,
  'owner-not-on-call': exitCodes.usage,
  'no-such-change': exitCodes.usage,
  'no-drills': exitCodes.usage,
  'no-drill': exitCodes.usage,
  'calendar-wrong': exitCodes.usage,
  'no-finding': exitCodes.usage,
  'finding-settled': exitCodes.refused,
  'drill-refused': exitCodes.refused,
  'drill-open': exitCodes.refused,
  'calendar-away': exitCodes.away,
  'alarm-away': exitCodes.away,
  'baseline-exists': exitCodes.refused,
  'baseline-empty': exitCodes.refused,
  'trade-off-missing': exitCodes.refused,
  'too-few-samples': exitCodes.refused,
  'change-exists': exitCodes.refused,
  'change-not-ready': exitCodes.refused,
  'change-state-wrong': exitCodes.refused,
  'review-not-due': exitCodes.refused,
  'not-the-owner': exitCodes.refused,
  'kept-without-evidence': exitCodes.refused,
  'week-sent-nowhere': exitCodes.usage,
  'tracker-limited': exitCodes.away,
  'tracker-away': exitCodes.away,
  'not-confirmed': exitCodes.refused,
  'plan-refused': exitCodes.refused,
  'digest-mismatch': exitCodes.refused,
  'second-needed': exitCodes.refused,
  'second-is-first': exitCodes.refused,
  'replan-differs': exitCodes.usage,
  'timing-wrong': exitCodes.usage,
  halted: exitCodes.refused,
  'active-region-unclear': exitCodes.refused,
  'steps-differ': exitCodes.refused,
  'epoch-moved': exitCodes.refused,
  'stop-requested': exitCodes.undone,
  'never-mandated': exitCodes.undone,
  'run-halted': exitCodes.undone,
  'run-aborted': exitCodes.undone,
  'no-way-back': exitCodes.interrupted,
  'turn-back-unknown': exitCodes.interrupted,
  'claim-timed-out': exitCodes.interrupted,
  'run-left': exitCodes.interrupted,
  'run-left-open': exitCodes.interrupted,
  'act-unsettled': exitCodes.interrupted,
  'undo-failed': exitCodes.interrupted,
  'lease-expired': exitCodes.interrupted,
  'run-in-progress': exitCodes.otherRun,
  'run-lost': exitCodes.otherRun,
  'store-away': exitCodes.away,
  'parts-away': exitCodes.away,
  'database-unreachable': exitCodes.away,
  'door-unreachable': exitCodes.away,
  'dns-unreachable': exitCodes.away,
  'functions-unreachable': exitCodes.away,
  'gateway-unreachable': exitCodes.away,
  'survey-unanswered': exitCodes.away,
};

/** Error codes that end a command with another exit code than `failed`. */
export const codesWithExit: readonly string[] = Object.keys(byCode);

/** Returns the exit code for how a run ended, as seen by this controller. */
export function exitCodeOfRun(result: RunResult): ExitCode {
  if (result.status === 'succeeded') return exitCodes.ok;
  if (result.status === 'undone') return exitCodes.undone;
  return result.error.code === 'run-lost' ? exitCodes.otherRun : exitCodes.interrupted;
}

export function exitCodeOf(error: unknown): ExitCode {
  return (isThrowoverError(error) ? byCode[error.code] : undefined) ?? exitCodes.failed;
}
