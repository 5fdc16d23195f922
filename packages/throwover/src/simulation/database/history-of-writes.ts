import type { Position } from '@throwover/client';

/**
 * What databases wrote, as it is in truth: branches of one history. A promotion begins a branch; every
 * copy of the database holds one branch, and those that it came from, up to a position.
 */
export interface Branch {
  readonly id: number;
  readonly timeline: number;
  readonly parent: Branch | null;
  /** Where it left its parent. */
  readonly forkLsn: number;
  readonly writes: Write[];
  readonly byXid: Map<number, Write>;
  readonly byEvent: Map<string, Write>;
  readonly promotions: { readonly lsn: number; readonly row: PromotionRow }[];
  readonly sequences: { readonly lsn: number; readonly upTo: number }[];
  /** First transaction id that it assigned itself. */
  readonly nextXid: number;
  readonly region: string;
  readonly bornMs: number;
  /** `hand`: a person did it, past throwover. */
  readonly by: 'first' | 'guard' | 'hand';
}

export interface PromotionRow {
  readonly epoch: number;
  readonly region: string;
  readonly timeline: number;
  readonly switchPosition: Position;
  readonly nextXid: string | null;
}

/** One transaction of the application. */
export interface Write {
  readonly key: number;
  /** Id that a sequence gave out. */
  readonly id: number;
  readonly xid: number;
  readonly region: string;
  readonly branch: Branch;
  readonly lsn: number;
  /** Its statement was admitted, true ms. */
  readonly begunMs: number;
  readonly committedMs: number;
  /** Webhook event whose effect it is. */
  readonly event: string | null;
  /** The server told its client that it is committed. */
  acknowledgedMs: number | null;
  /** A server crash took it out of the log before it was on disk. */
  vanished: boolean;
  /** Synchronous mode: who had it, or had written down that the standby has not. */
  covered: 'standby' | 'recorded' | 'nobody' | null;
}

export function newBranch(
  what: Omit<Branch, 'writes' | 'byXid' | 'byEvent' | 'promotions' | 'sequences'>,
): Branch {
  return {
    ...what,
    writes: [],
    byXid: new Map(),
    byEvent: new Map(),
    promotions: [],
    sequences: [],
  };
}

const hex = (value: number, digits: number) =>
  value.toString(16).toUpperCase().padStart(digits, '0');

export function positionAt(branch: Branch, lsn: number): Position {
  return `${hex(branch.timeline, 8)}/${hex(lsn, 16)}` as Position;
}

export function lsnIn(position: Position): number {
  return Number.parseInt(position.slice(9), 16);
}

/** The branch itself, then what it came from. */
export function* ancestry(branch: Branch): Iterable<Branch> {
  for (let at: Branch | null = branch; at !== null; at = at.parent) yield at;
}

/** How far a copy that ends at `branch` holds `of`, or `null` when not at all. */
export function heldOf(copy: Copy, of: Branch): number | null {
  let upTo = copy.lsn;
  for (const branch of ancestry(copy.branch)) {
    if (branch === of) return upTo;
    upTo = Math.min(upTo, branch.forkLsn);
  }
  return null;
}

export interface Copy {
  readonly branch: Branch;
  readonly lsn: number;
}

/** Whether the copy has this record of this branch. */
export function holds(copy: Copy, branch: Branch, lsn: number): boolean {
  const upTo = heldOf(copy, branch);
  return upTo !== null && lsn <= upTo;
}

/** What the copy holds that `of` does not: `of` cannot become it without a rewind when there is something. */
export function diverged(copy: Copy, from: Copy): boolean {
  const upTo = heldOf(from, copy.branch);
  return upTo === null || copy.lsn > upTo;
}

/** The last position that two copies share. */
export function commonPoint(a: Copy, b: Copy): Copy {
  let upTo = a.lsn;
  for (const branch of ancestry(a.branch)) {
    const other = heldOf(b, branch);
    if (other !== null) return { branch, lsn: Math.min(upTo, other) };
    upTo = Math.min(upTo, branch.forkLsn);
  }
  throw new Error('two databases of different origin');
}

/** What the copy holds of one kind of record, oldest first. */
export function heldRecords<R extends { readonly lsn: number }>(
  copy: Copy,
  kind: (branch: Branch) => readonly R[],
): R[] {
  const parts: R[][] = [];
  let upTo = copy.lsn;
  for (const branch of ancestry(copy.branch)) {
    const limit = upTo;
    parts.unshift(kind(branch).filter(({ lsn }) => lsn <= limit));
    upTo = Math.min(upTo, branch.forkLsn);
  }
  return parts.flat();
}
