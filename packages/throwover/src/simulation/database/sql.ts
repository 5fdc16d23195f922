import type { Position } from '@throwover/client';
import type { Write } from './history-of-writes.ts';

/** A session of an application. */
export interface Session {
  open: boolean;
  /** Inside a transaction. */
  busy: boolean;
}

/**
 * An error as an application sees it: the SQLSTATE. `committed`: whether the write may have been
 * committed.
 */
export class SqlError extends Error {
  readonly state: string;
  readonly committed: 'no' | 'unknown';
  constructor(state: string, committed: 'no' | 'unknown') {
    super(state);
    this.state = state;
    this.committed = committed;
  }
}

export interface Acknowledged {
  readonly write: Write;
  /** Upper bound of the commit record. */
  readonly position: Position;
}

/** PostgreSQL's own form: `0/3A1B2C8`. */
export function lsnText(lsn: number): string {
  return `${Math.floor(lsn / 2 ** 32).toString(16)}/${(lsn % 2 ** 32).toString(16)}`.toUpperCase();
}
