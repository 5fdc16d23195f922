import type { Position } from '@throwover/client';
import type { ClusterSight } from '../../authority/authority.ts';

/**
 * The true record of what databases wrote: branches of one history. A promotion begins a branch.
 * Every copy of the database holds one branch and its ancestors, up to a position.
 */
export interface Branch {
  readonly id: number;
  readonly timeline: number;
  readonly parent: Branch | null;
  /** Position at which it left its parent. */
  readonly forkLsn: number;
  readonly writes: Write[];
  readonly byXid: Map<number, Write>;
  readonly byEvent: Map<string, Write>;
  readonly promotions: { readonly lsn: number; readonly row: PromotionRow }[];
  readonly sequences: { readonly lsn: number; readonly upTo: number }[];
  /** First transaction id that the branch itself assigned. */
  readonly nextXid: number;
  readonly region: string;
  readonly bornMs: number;
  /** `hand`: a person promoted without throwover. */
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
  /** When its statement was admitted, true ms. */
  readonly begunMs: number;
  readonly committedMs: number;
  /** The webhook event that caused this write. */
  readonly event: string | null;
  /** When the server told its client that it is committed, true ms. */
  acknowledgedMs: number | null;
  /** A server crash removed it from the log before it was on disk. */
  vanished: boolean;
  /** Synchronous mode: whether the standby had it, or it was recorded that the standby does not. */
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

/** Returns the branch that initdb makes. */
export function firstBranch(what: Pick<Branch, 'id' | 'region' | 'bornMs'>): Branch {
  return newBranch({
    ...what,
    ...{ timeline: 1, parent: null, forkLsn: 0, nextXid: 1, by: 'first' },
  });
}

const hex = (value: number, digits: number) =>
  value.toString(16).toUpperCase().padStart(digits, '0');

const zeros = '0'.repeat(16);

export function positionAt(branch: Branch, lsn: number): Position {
  const digits = lsn.toString(16).toUpperCase();
  return `${hex(branch.timeline, 8)}/${zeros.slice(digits.length)}${digits}` as Position;
}

export function lsnIn(position: Position): number {
  return Number.parseInt(position.slice(9), 16);
}

/** Yields the branch itself, then its ancestors. */
export function* ancestry(branch: Branch): Iterable<Branch> {
  for (let at: Branch | null = branch; at !== null; at = at.parent) yield at;
}

/** Returns the branch that initdb made: databases with different ones are of different clusters. */
export function rootOf(branch: Branch): Branch {
  return branch.parent === null ? branch : rootOf(branch.parent);
}

/** Returns the branch as a guard sees it. */
export function sightOf(branch: Branch): ClusterSight {
  const left: Position[] = [];
  for (const { parent, forkLsn } of ancestry(branch)) {
    if (parent !== null) left.unshift(positionAt(parent, forkLsn));
  }
  return { identifier: String(rootOf(branch).id), timeline: branch.timeline, left };
}

/** Returns how far a copy that ends at `branch` holds `of`; `null` when it does not hold it. */
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

/**
 * Whether the copy holds something that `of` does not: then it needs a rewind before it can follow
 * `of`.
 */
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

/** Returns the records of one kind that the copy holds, oldest first. */
export function heldRecords<R extends { readonly lsn: number }>(
  copy: Copy,
  kind: (branch: Branch) => readonly R[],
): R[] {
  const found: R[] = [];
  const collect = (branch: Branch, upTo: number) => {
    if (branch.parent !== null) collect(branch.parent, Math.min(upTo, branch.forkLsn));
    for (const record of kind(branch)) if (record.lsn <= upTo) found.push(record);
  };
  collect(copy.branch, copy.lsn);
  return found;
}
