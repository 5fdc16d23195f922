import type { DurationKind, Evidence, ThrowoverError } from '../kernel/kernel.ts';
import type { Halt } from '../store/store.ts';
import type { Observation, RunIdentity } from './step.ts';

/**
 * What happens in a run, one event per outcome: feeds the terminal, `--json` and tests. What must
 * outlive the process is in the journal; an event is sent when its record is on the way there.
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
  /** After a takeover: which parts know this controller's token now, and which did not answer. */
  | { readonly type: 'run-claimed'; readonly evidence: Evidence }
  | { readonly type: 'abort-requested'; readonly by: string; readonly reason: string }
  /** From here on the run is another kind, as `by` approved. */
  | {
      readonly type: 'replanned';
      readonly kind: string;
      readonly by: string;
      readonly digest: string;
    }
  /** From here on the run only goes forward; sent before the act of `step`. */
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
  /** Sent when the state changes, not at each look. */
  | {
      readonly type: 'step-observed';
      readonly step: string;
      readonly state: Observation['state'];
      readonly evidence: Evidence;
    }
  /** Slower than three in four of its earlier runs; nothing is wrong yet. */
  | {
      readonly type: 'step-slow';
      readonly step: string;
      readonly elapsedMs: number;
      readonly p75Ms: number;
      /** Earlier runs behind that figure. */
      readonly count: number;
    }
  /** Somebody should look. late: it has lasted `boundMs`. no-progress: nothing that it observes changed for so long. */
  | {
      readonly type: 'step-stuck';
      readonly step: string;
      readonly why: 'late' | 'no-progress';
      readonly elapsedMs: number;
      readonly boundMs: number;
      /** Since what it observes last changed. */
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
  /** Interrupted by the operator, by the loss of the run, or because a step beside it failed; no outcome is known. */
  | { readonly type: 'step-interrupted'; readonly step: string }
  | { readonly type: 'undo-started'; readonly step: string; readonly title: string }
  | {
      readonly type: 'undo-done';
      readonly step: string;
      readonly result: 'undone' | 'not-needed';
      readonly note: string;
    }
  | { readonly type: 'undo-failed'; readonly step: string; readonly error: ThrowoverError }
  | {
      readonly type: 'run-ended';
      /** open: not ended in the journal; `throwover resume` goes on. */
      readonly status: 'succeeded' | 'undone' | 'open';
      /** Why it was undone or stays open. */
      readonly error: ThrowoverError | null;
      readonly durationMs: number;
    };
