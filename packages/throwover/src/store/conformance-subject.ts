import { expect } from 'vitest';
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
  close(): Promise<void>;
}

export const leaseMs = 10_000;

export const plan = { version: 1, steps: [{ name: 'fence' }, { name: 'promote' }] };

export const begin: BeginRun = {
  service: 'checkout',
  kind: 'switchover',
  from: 'east',
  to: 'west',
  epoch: 1,
  planDigest: 'sha256:abc',
  plan,
  owner: 'alice',
  leaseMs,
};

export function recordOf(lease: RunLease, seq: number, event: JournalEvent): JournalRecord {
  return { seq, token: lease.token, wallMs: 1_767_225_600_000 + seq, ...event };
}

export const refusal = (code: string) => expect.objectContaining({ name: 'ThrowoverError', code });
