import type { DurationKind, Evidence, ThrowoverError } from '../../kernel/kernel.ts';
import type { Halt } from '../../store/store.ts';
import type { Observation, RunIdentity } from '../step.ts';

/**
 * The events of a run, one per outcome: for the terminal, `--json` and tests. Everything that must
 * outlive the process is in the journal; an event is sent when its record is on the way to it.
 */
export type RunEvent = { readonly wallMs: number } & RunEventBody;

export type RunEventBody =
  | {
      readonly type: 'run-started';
      readonly run: RunIdentity;
      readonly resumed: boolean;
      readonly steps: readonly { readonly name: string; readonly title: string }[];
      /** Steps whose outcome an earlier controller journaled. */
      readonly alreadyDone: readonly string[];
    }
  /**
   * After a takeover: the parts that know this controller's token now, and those that did not
   * answer.
   */
  | { readonly type: 'run-claimed'; readonly evidence: Evidence }
  | { readonly type: 'abort-requested'; readonly by: string; readonly reason: string }
  /** From now on the run is of another kind, as `by` approved. */
  | {
      readonly type: 'replanned';
      readonly kind: string;
      readonly by: string;
      readonly digest: string;
    }
  /** From now on the run only goes forward; sent before the act of `step`. */
  | { readonly type: 'past-no-return'; readonly step: string }
  /** The operator asked to stop, or the kill switch was thrown (`halted`). undo: before the point of no return. finish: after it, the run goes on to its end. leave: it stays open. */
  | {
      readonly type: 'run-stopping';
      readonly mode: 'undo' | 'finish' | 'leave';
      readonly halted?: Halt;
    }
  | {
      readonly type: 'step-started';
      readonly step: string;
      readonly title: string;
      readonly waits: DurationKind;
      /** From 1. */
      readonly number: number;
      readonly of: number;
    }
  /** Sent when the state changes, not at each observation. */
  | {
      readonly type: 'step-observed';
      readonly step: string;
      readonly state: Observation['state'];
      readonly evidence: Evidence;
    }
  /** Slower than 75 % of its earlier runs; this is no fault yet. */
  | {
      readonly type: 'step-slow';
      readonly step: string;
      readonly elapsedMs: number;
      readonly p75Ms: number;
      /** Number of earlier runs behind that figure. */
      readonly count: number;
    }
  /**
   * A person should look. late: the step has lasted `boundMs`. no-progress: the observed state has
   * not changed for that long.
   */
  | {
      readonly type: 'step-stuck';
      readonly step: string;
      readonly why: 'late' | 'no-progress';
      readonly elapsedMs: number;
      readonly boundMs: number;
      /** Time since the observed state last changed. */
      readonly unchangedMs: number;
      readonly undoing: boolean;
    }
  | { readonly type: 'step-progress'; readonly step: string; readonly note: string }
  | {
      readonly type: 'step-done';
      readonly step: string;
      readonly result: 'acted' | 'already-done';
      readonly evidence: Evidence;
      readonly durationMs: number;
      readonly kind: DurationKind;
    }
  | {
      readonly type: 'step-failed';
      readonly step: string;
      readonly error: ThrowoverError;
      readonly durationMs: number;
      /** A step of no return that certainly did not happen: the run goes back. */
      readonly turnedBack?: true;
    }
  /**
   * Interrupted by the operator, by the loss of the run, or because another step of its group
   * failed; its outcome is not known.
   */
  | { readonly type: 'step-interrupted'; readonly step: string }
  | { readonly type: 'undo-started'; readonly step: string; readonly title: string }
  | {
      readonly type: 'undo-done';
      readonly step: string;
      readonly result: 'undone' | 'not-needed' | 'left';
      readonly note: string;
    }
  | { readonly type: 'undo-failed'; readonly step: string; readonly error: ThrowoverError }
  | {
      readonly type: 'run-ended';
      /** open: the run has not ended in the journal; `throwover resume` continues it. */
      readonly status: 'succeeded' | 'undone' | 'open';
      /** The reason why it was undone or stays open. */
      readonly error: ThrowoverError | null;
      readonly durationMs: number;
    };
