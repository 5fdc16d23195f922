import { bytesOf, type Position, timelineOf } from '@throwover/client';
import type {
  AgreedCluster,
  ClusterMemory,
  ClusterReport,
  ClusterSight,
  ClusterVerdict,
  Promotion,
} from './messages.ts';

/**
 * Decides whether two databases belong to one cluster: the same `initdb` and one history. A standby
 * of another cluster can be further on in its log, stream, and look ready; promoting it would serve
 * foreign data.
 */

export const noClusterMemory = {
  agreed: null,
  peer: null,
  streamedFrom: null,
} as const satisfies ClusterMemory;

type Relation =
  /** It can follow the other one: its whole history is part of the other one's history. */
  | 'on-the-way'
  /** It has written past the point where the other one left that timeline. */
  | 'left-behind'
  /** The other one is its origin; it is on a newer timeline. */
  | 'ahead'
  | 'forked'
  | 'not-readable';

/**
 * Returns how the history of `one` relates to the history of `other`. `received`: how far `one` is
 * on its timeline; `null`: do not check that.
 */
export function relationOf(
  one: ClusterSight,
  received: Position | null,
  other: ClusterSight,
): Relation {
  if (one.left === null || other.left === null) return 'not-readable';
  const shared = Math.min(one.left.length, other.left.length);
  for (let index = 0; index < shared; index++) {
    if (one.left[index] !== other.left[index]) return 'forked';
  }
  const next = other.left[one.left.length];
  if (next !== undefined) {
    if (timelineOf(next) !== one.timeline) return 'forked';
    const past =
      received !== null && timelineOf(received) === one.timeline && isPast(received, next);
    return past ? 'left-behind' : 'on-the-way';
  }
  const own = one.left[other.left.length];
  if (own !== undefined) return timelineOf(own) === other.timeline ? 'ahead' : 'forked';
  return one.timeline === other.timeline ? 'on-the-way' : 'forked';
}

const isPast = (one: Position, other: Position) => bytesOf(one) > bytesOf(other);

/**
 * Returns the verdict for two databases whose guards both answer. `null`: their reports alone
 * decide nothing, so the kept memory decides.
 */
export function judgeBoth(
  own: ClusterReport,
  other: Pick<ClusterReport, 'role' | 'cluster'> & { readonly streaming?: boolean } & Partial<
      Pick<ClusterReport, 'received'>
    >,
): ClusterVerdict | null {
  const [mine, its] = [own.cluster, other.cluster];
  if (mine === null || its === null) return null;
  const evidence = { own: mine, other: its };
  if (mine.identifier !== its.identifier) {
    return { is: 'different', why: 'other-identifier', ...evidence };
  }
  const follower = followerOf(own.role, other.role);
  if (follower === null) return null;
  const received = follower === 'own' ? own.received : (other.received ?? null);
  const relation =
    follower === 'own' ? relationOf(mine, received, its) : relationOf(its, received, mine);
  switch (relation) {
    case 'on-the-way':
      return own.streaming && other.streaming === true
        ? { is: 'same', by: 'both', own: mine }
        : null;
    case 'left-behind':
      return { is: 'different', why: 'left-behind', ...evidence };
    case 'ahead':
    case 'forked':
      return { is: 'different', why: 'history-forked', ...evidence };
    case 'not-readable':
      return { is: 'unknown', why: 'history-not-readable', ...evidence };
  }
}

type Role = ClusterReport['role'];

/**
 * Returns which of the two should follow the other; `null` if neither does in their present roles.
 */
function followerOf(own: Role, other: Role): 'own' | 'other' | null {
  if (own === 'standby' && other === 'primary') return 'own';
  if (own === 'primary' && other === 'standby') return 'other';
  return null;
}

/**
 * Returns the verdict: from both present reports if they decide it, otherwise from what the guard
 * has kept.
 */
export function judgeCluster(facts: {
  readonly own: ClusterReport;
  /** The present report of the other guard; `null` if it does not answer. */
  readonly peer: ClusterReport | null;
  readonly kept: ClusterMemory;
  /** The promotions that are recorded in this database. */
  readonly promotions: readonly Promotion[];
}): ClusterVerdict {
  const { own, peer, kept, promotions } = facts;
  const mine = own.cluster;
  if (mine === null) {
    return { is: 'unknown', why: 'not-readable', own: null, other: kept.agreed };
  }
  const answers = peer !== null && peer.cluster !== null;
  const last = answers ? peer : kept.peer;
  const now = last === null ? null : judgeBoth(own, last);
  const grown = !answers && now?.is === 'different' && now.why === 'history-forked';
  // The kept report of the peer may be older than a promotion that has been recorded since. Such a
  // promotion is no fork.
  if (now !== null && !(grown && explained(mine, now.other, promotions))) return now;
  return judgeKept({ own, mine, answers, kept, promotions });
}

function judgeKept(facts: {
  readonly own: ClusterReport;
  readonly mine: ClusterSight;
  readonly answers: boolean;
  readonly kept: ClusterMemory;
  readonly promotions: readonly Promotion[];
}): ClusterVerdict {
  const { own, mine, answers, kept, promotions } = facts;
  const { agreed } = kept;
  if (agreed === null) return { is: 'unknown', why: 'never-agreed', own: mine, other: null };
  const evidence = { own: mine, other: agreed };
  if (agreed.identifier !== mine.identifier) {
    // Both sides report the new identifier: a pg_upgrade of both. It counts once one of them
    // follows the other.
    return answers
      ? { is: 'unknown', why: 'not-streaming', ...evidence }
      : { is: 'different', why: 'identifier-changed', ...evidence };
  }
  const same = {
    is: 'same',
    by: agreed.by.kind === 'person' ? 'person' : 'kept',
    own: mine,
  } as const;
  const relation = relationOf(mine, own.role === 'standby' ? own.received : null, agreed);
  switch (relation) {
    case 'on-the-way':
      return same;
    case 'left-behind':
      return { is: 'different', why: 'left-behind', ...evidence };
    case 'forked':
      return { is: 'different', why: 'history-forked', ...evidence };
    case 'not-readable':
      return { is: 'unknown', why: 'history-not-readable', ...evidence };
    case 'ahead':
      if (explained(mine, agreed, promotions)) return same;
      return forkedBefore(mine, agreed)
        ? { is: 'different', why: 'history-forked', ...evidence }
        : { is: 'unknown', why: 'history-unexplained', ...evidence };
  }
}

/**
 * Whether each timeline that `one` began after `from` belongs to a promotion that throwover
 * recorded.
 */
function explained(
  one: ClusterSight,
  from: ClusterSight,
  promotions: readonly Promotion[],
): boolean {
  if (relationOf(one, null, from) !== 'ahead' || one.left === null || from.left === null) {
    return false;
  }
  return one.left
    .slice(from.left.length)
    .every((left) => promotions.some(({ switchPosition }) => switchPosition === left));
}

/**
 * Whether `one` left the agreed timeline before the position up to which both sides had the same
 * data: it was restored from an earlier backup.
 */
function forkedBefore(one: ClusterSight, agreed: AgreedCluster): boolean {
  const fork = one.left?.[agreed.left?.length ?? 0];
  const { upTo } = agreed;
  if (fork === undefined || upTo === null) return false;
  return timelineOf(upTo) === timelineOf(fork) && isPast(upTo, fork);
}

/**
 * Decides whether `own` may be made to follow `upstream`, even if that discards what only `own`
 * has: both must be one cluster, and `own` must be on the way of `upstream`, apart from its own
 * end.
 */
export function judgeFollower(own: ClusterSight | null, upstream: ClusterSight): ClusterVerdict {
  if (own === null) return { is: 'unknown', why: 'not-readable', own, other: upstream };
  const evidence = { own, other: upstream };
  if (own.identifier !== upstream.identifier) {
    return { is: 'different', why: 'other-identifier', ...evidence };
  }
  const relation = relationOf(own, null, upstream);
  if (relation === 'not-readable') {
    return { is: 'unknown', why: 'history-not-readable', ...evidence };
  }
  return relation === 'on-the-way' || relation === 'left-behind'
    ? { is: 'same', by: 'both', own }
    : { is: 'different', why: 'history-forked', ...evidence };
}

/** Returns the memory to keep after a round; `null` if nothing changed. */
export function learntOf(facts: {
  readonly own: ClusterReport;
  readonly peer: ClusterReport | null;
  readonly kept: ClusterMemory;
  readonly wallMs: number;
}): ClusterMemory | null {
  const { own, peer, kept, wallMs } = facts;
  const told = peer?.cluster ? { role: peer.role, cluster: peer.cluster } : kept.peer;
  const receives = own.role === 'standby' && own.streaming && own.cluster !== null;
  const next: ClusterMemory = {
    agreed: agreementOf(own, peer, kept, wallMs),
    peer: sameTold(told, kept.peer) ? kept.peer : told,
    streamedFrom: receives ? (own.cluster?.identifier ?? null) : kept.streamedFrom,
  };
  const news =
    next.agreed !== kept.agreed ||
    next.peer !== kept.peer ||
    next.streamedFrom !== kept.streamedFrom;
  return news ? next : null;
}

function agreementOf(
  own: ClusterReport,
  peer: ClusterReport | null,
  { agreed }: ClusterMemory,
  wallMs: number,
): AgreedCluster | null {
  const now = peer === null ? null : judgeBoth(own, peer);
  if (now?.is !== 'same' || peer === null) return agreed;
  const primary = own.role === 'primary' ? own.cluster : peer.cluster;
  const upTo = own.role === 'primary' ? peer.received : own.received;
  if (primary === null) return agreed;
  const known = agreed?.by.kind === 'both' && sameSight(agreed, primary);
  return known ? agreed : { ...primary, upTo, by: { kind: 'both', wallMs } };
}

function sameTold(one: ClusterMemory['peer'], other: ClusterMemory['peer']): boolean {
  if (one === null || other === null) return one === other;
  if (one.cluster === null || other.cluster === null) return false;
  return one.role === other.role && sameSight(one.cluster, other.cluster);
}

function sameSight(one: ClusterSight, other: ClusterSight): boolean {
  return (
    one.identifier === other.identifier &&
    one.timeline === other.timeline &&
    String(one.left) === String(other.left) &&
    (one.left === null) === (other.left === null)
  );
}

/** Returns the verdict as a text for people, with both identifiers. */
export function clusterText(region: string, verdict: ClusterVerdict): string {
  const its = `${region}'s database`;
  switch (verdict.is) {
    case 'same':
      return `cluster ${verdict.own.identifier}${verdict.by === 'person' ? ', accepted by a person' : ''}`;
    case 'different':
      return differentText(its, verdict);
    case 'unknown':
      switch (verdict.why) {
        case 'not-readable':
          return `the cluster of ${its} cannot be read`;
        case 'history-not-readable':
          return `the timeline history of ${its} or of the other region's cannot be read`;
        case 'never-agreed':
          return `the two guards have never agreed that ${its} and the other region's are one cluster: both must answer, and the standby must stream from the primary`;
        case 'not-streaming':
          return `${its} is of cluster ${verdict.own?.identifier}, the guards agreed on ${verdict.other?.identifier}, and nothing streams between the regions yet`;
        case 'history-unexplained':
          return `${its} is on timeline ${verdict.own?.timeline}, which no recorded promotion began`;
      }
  }
}

function differentText(
  its: string,
  { why, own, other }: Extract<ClusterVerdict, { is: 'different' }>,
): string {
  switch (why) {
    case 'other-identifier':
      return `${its} is of cluster ${own.identifier}, the other region's is of ${other.identifier}`;
    case 'identifier-changed':
      return `${its} is of cluster ${own.identifier}, and both guards agreed on ${other.identifier}`;
    case 'history-forked':
      return `${its} has the same system identifier as the other region's, and another history: ${wayOf(own)} is not ${wayOf(other)}`;
    case 'left-behind':
      return `the database that follows has written past the point where the other region's took over: ${wayOf(own)}, ${wayOf(other)}`;
  }
}

const wayOf = ({ timeline, left }: ClusterSight) =>
  `timeline ${timeline}${left === null || left.length === 0 ? '' : ` by ${left.join(', ')}`}`;
