import type { DurationKind, Evidence, ThrowoverError } from '../kernel/kernel.ts';
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
  /** The operator asked to stop. undo: before the point of no return. finish: after it, the run goes on to its end. leave: it stays open. */
  | { readonly type: 'run-stopping'; readonly mode: 'undo' | 'finish' | 'leave' }
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
    }
  /** Interrupted by the operator or by the loss of the run; no outcome is known. */
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
