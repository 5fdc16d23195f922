import type { DurationKind, ErrorJson, Evidence } from '../kernel/kernel.ts';

/**
 * Port: where epochs, run leases and journals are kept. Asynchronous, so that it can be far away.
 *
 * Every append is conditional on the run's fencing token (a controller that lost its run cannot write
 * its story on) and on the record's sequence number (so a repeated append is the same append).
 * An answer means durable: it survives a power cut.
 *
 * Errors (catalogue in store/errors.ts): `store-away` (no answer; unknown whether it happened; safe to
 * repeat), `run-in-progress`, `run-lost` (token is not the newest), `epoch-moved`, `no-such-run`,
 * `no-such-service`, `no-such-service-region`, `run-ended`, `seq-conflict`, `record-too-large`,
 * `journal-full`, `journal-damaged`, `store-disk-full`, `store-stopped`.
 */
export interface Store {
  /** Registers a service with its first epoch; the same call again changes nothing. */
  registerService(input: {
    name: string;
    regions: readonly string[];
    active: string;
  }): Promise<ServiceState>;
  service(name: string): Promise<ServiceState>;
  /** Begins a run; refused with `run-in-progress` while another of the service has not ended. */
  beginRun(input: BeginRun): Promise<RunLease>;
  /** Takes a run whose lease has ended, or, with `force`, one whose owner is known to be gone. The token grows. */
  takeRun(input: {
    runId: string;
    owner: string;
    leaseMs: number;
    force: boolean;
  }): Promise<RunLease>;
  renewRun(input: { runId: string; token: number; leaseMs: number }): Promise<void>;
  append(input: { runId: string; token: number; record: JournalRecord }): Promise<void>;
  /** Opens `epoch` with `active`, if the service's epoch is `epoch - 1`; the same call again by the same run changes nothing. */
  openEpoch(input: {
    service: string;
    runId: string;
    token: number;
    epoch: number;
    active: string;
  }): Promise<ServiceState>;
  run(runId: string): Promise<RunState>;
  /** Newest first. */
  runs(filter: { service?: string; limit: number }): Promise<readonly RunSummary[]>;
}

export interface ServiceState {
  readonly name: string;
  readonly regions: readonly string[];
  readonly epoch: number;
  readonly active: string;
  /** The run that has not ended, if any. */
  readonly openRun: string | null;
}

export interface BeginRun {
  readonly service: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  /** Epoch that the plan was made for; refused with `epoch-moved` when it is no longer current. */
  readonly epoch: number;
  readonly planDigest: string;
  readonly plan: unknown;
  readonly owner: string;
  readonly leaseMs: number;
}

export interface RunLease {
  readonly runId: string;
  readonly token: number;
  readonly leaseMs: number;
}

export type RunStatus = 'running' | 'succeeded' | 'undone' | 'failed';

export interface RunSummary {
  readonly runId: string;
  readonly service: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
  readonly planDigest: string;
  readonly owner: string;
  readonly token: number;
  readonly status: RunStatus;
  readonly startedWallMs: number;
  readonly endedWallMs: number | null;
}

export interface RunState extends RunSummary {
  readonly plan: unknown;
  readonly records: readonly JournalRecord[];
}

/** One line of a run's journal. `seq` starts at 1 and has no gaps. A9: what it does not say is observed again. */
export type JournalRecord = {
  readonly seq: number;
  readonly wallMs: number;
  readonly token: number;
} & JournalEvent;

export type JournalEvent =
  | {
      readonly type: 'mandate';
      readonly by: string;
      readonly digest: string;
      readonly overrides: readonly string[];
    }
  | { readonly type: 'taken-over'; readonly by: string }
  | { readonly type: 'intent'; readonly step: string; readonly observed: Evidence }
  | {
      readonly type: 'outcome';
      readonly step: string;
      readonly result: 'acted' | 'already-done';
      readonly evidence: Evidence;
      readonly durationMs: number;
      readonly kind: DurationKind;
    }
  | {
      readonly type: 'step-failed';
      readonly step: string;
      readonly error: ErrorJson;
      readonly durationMs: number;
    }
  | { readonly type: 'undo-intent'; readonly step: string }
  | {
      readonly type: 'undo-outcome';
      readonly step: string;
      readonly result: 'undone' | 'not-needed';
      readonly note: string;
    }
  | {
      readonly type: 'ended';
      readonly status: Exclude<RunStatus, 'running'>;
      readonly reason: string;
    };
