import { expect } from 'vitest';
import { plannedRun } from './plan.fixture.ts';
import type { BeginRun, Store } from './port.ts';
import type { JournalEvent, JournalRecord, RunLease } from './shapes.ts';

/** A store under test with no other users, and the clock that its leases run on. */
export interface StoreUnderTest {
  /** After `restart` this is another object. */
  readonly store: Store;
  /** Moves the store's own clock. */
  advance(ms: number): Promise<void>;
  /** Ends its process and starts another one with the durable state. */
  restart(): Promise<void>;
  /** Changes the plan of this run on its disk, behind the store's back. */
  damage(runId: string): Promise<void>;
  close(): Promise<void>;
}

export const leaseMs = 10_000;

export function beginOf(change: Parameters<typeof plannedRun>[0] = {}): BeginRun {
  return { ...plannedRun(change), owner: 'alice', leaseMs };
}

export const begin = beginOf();

export function recordOf(lease: RunLease, seq: number, event: JournalEvent): JournalRecord {
  return { seq, token: lease.token, wallMs: 1_767_225_600_000 + seq, ...event };
}

export const refusal = (code: string) => expect.objectContaining({ name: 'ThrowoverError', code });
