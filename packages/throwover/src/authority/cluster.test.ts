import { type Position, positionOf } from '@throwover/client';
import { describe, expect, test } from 'vitest';
import { judgeCluster, judgeFollower, learntOf, noClusterMemory } from './cluster.ts';
import type {
  AgreedCluster,
  ClusterMemory,
  ClusterReport,
  ClusterSight,
  Promotion,
} from './messages.ts';

const at = (timeline: number, lsn: string): Position => positionOf(timeline, lsn);
const sight = (identifier: string, timeline = 1, ...left: Position[]): ClusterSight => ({
  identifier,
  timeline,
  left,
});
const own = '7001';
const foreign = '9999';
/** East was active first, then west since 0/500, then east since 0/900. */
const second = [at(1, '0/500')];
const third = [...second, at(2, '0/900')];

const report = (
  role: ClusterReport['role'],
  cluster: ClusterSight | null,
  received = at(cluster?.timeline ?? 1, '0/400'),
  streaming = true,
): ClusterReport => ({ role, cluster, received, streaming });
const standby = (cluster: ClusterSight | null, received?: Position) =>
  report('standby', cluster, received);
const cutOff = (cluster: ClusterSight | null, received?: Position) =>
  report('standby', cluster, received, false);
const primary = (cluster: ClusterSight | null) => report('primary', cluster);

const agreedOn = (cluster: ClusterSight, upTo: Position | null = null): AgreedCluster => ({
  ...cluster,
  upTo,
  by: { kind: 'both', wallMs: 5 },
});
const kept = (agreed: AgreedCluster | null, peer: ClusterReport | null = null): ClusterMemory => ({
  agreed,
  peer,
  streamedFrom: null,
});
const ofOwn = kept(agreedOn(sight(own)));
const promotion = (switchPosition: Position, timeline: number): Promotion => ({
  epoch: timeline,
  region: 'west',
  timeline,
  switchPosition,
  nextXid: null,
});

interface Row {
  readonly what: string;
  readonly own: ClusterReport;
  readonly peer: ClusterReport | null;
  readonly kept?: ClusterMemory;
  readonly promotions?: readonly Promotion[];
  readonly is: string;
}

const rows: readonly Row[] = [
  // Both guards answer.
  {
    what: 'a standby that streams from the primary, before anything was agreed',
    own: standby(sight(own)),
    peer: primary(sight(own)),
    is: 'same both',
  },
  {
    what: 'the same, as the guard of the primary sees it',
    own: primary(sight(own)),
    peer: standby(sight(own)),
    is: 'same both',
  },
  {
    what: 'a standby of another cluster that is further on in its log and streams from elsewhere',
    own: standby(sight(foreign), at(1, 'FF/0')),
    peer: primary(sight(own)),
    kept: ofOwn,
    is: 'different other-identifier',
  },
  {
    what: 'another cluster at the first contact',
    own: standby(sight(foreign)),
    peer: primary(sight(own)),
    is: 'different other-identifier',
  },
  {
    what: 'two old primaries of two clusters',
    own: primary(sight(foreign)),
    peer: primary(sight(own)),
    kept: ofOwn,
    is: 'different other-identifier',
  },
  {
    what: 'a backup of this cluster that was recovered onto a timeline of its own',
    own: standby(sight(own, 2, at(1, '0/300')), at(2, '0/9000')),
    peer: primary(sight(own)),
    kept: ofOwn,
    is: 'different history-forked',
  },
  {
    what: 'the same number of timelines, forked at another point',
    own: standby(sight(own, 2, at(1, '0/499'))),
    peer: primary(sight(own, 2, ...second)),
    is: 'different history-forked',
  },
  {
    what: 'a timeline of the same beginning and another number',
    own: standby(sight(own, 3, ...second)),
    peer: primary(sight(own, 2, ...second)),
    is: 'different history-forked',
  },
  {
    what: 'a copy from before the last promotion, which can still follow',
    own: cutOff(sight(own), at(1, '0/400')),
    peer: primary(sight(own, 2, ...second)),
    kept: kept(agreedOn(sight(own, 2, ...second))),
    is: 'same kept',
  },
  {
    what: 'one that wrote past the point where the other side took over',
    own: cutOff(sight(own), at(1, '0/501')),
    peer: primary(sight(own, 2, ...second)),
    kept: kept(agreedOn(sight(own, 2, ...second))),
    is: 'different left-behind',
  },
  {
    what: 'two promotions later, streaming',
    own: standby(sight(own, 3, ...third)),
    peer: primary(sight(own, 3, ...third)),
    kept: ofOwn,
    is: 'same both',
  },
  {
    what: 'an old primary that waits to be attached: a fork is no other cluster',
    own: primary(sight(own)),
    peer: primary(sight(own, 2, ...second)),
    kept: ofOwn,
    is: 'same kept',
  },
  {
    what: 'a new identifier on both sides (pg_upgrade), and the standby streams',
    own: standby(sight(foreign)),
    peer: primary(sight(foreign)),
    kept: ofOwn,
    is: 'same both',
  },
  {
    what: 'a new identifier on both sides, and nothing streams yet',
    own: cutOff(sight(foreign)),
    peer: primary(sight(foreign)),
    kept: ofOwn,
    is: 'unknown not-streaming',
  },
  {
    what: 'the primary does not see the standby that says that it streams: it streams from a clone',
    own: standby(sight(own)),
    peer: report('primary', sight(own), at(1, '0/400'), false),
    is: 'unknown never-agreed',
  },
  {
    what: 'a history that nobody could read',
    own: { ...standby(sight(own, 2)), cluster: { identifier: own, timeline: 2, left: null } },
    peer: primary(sight(own, 2, ...second)),
    kept: ofOwn,
    is: 'unknown history-not-readable',
  },
  // The other side is unreachable.
  {
    what: 'the other side is gone, and this one is as agreed',
    own: cutOff(sight(own)),
    peer: null,
    kept: ofOwn,
    is: 'same kept',
  },
  {
    what: 'the other side is gone, and nothing was ever agreed',
    own: cutOff(sight(own)),
    peer: null,
    is: 'unknown never-agreed',
  },
  {
    what: 'the identifier changed on this side alone while the other is away',
    own: cutOff(sight(foreign)),
    peer: null,
    kept: ofOwn,
    is: 'different identifier-changed',
  },
  {
    what: 'a stranger met once, and gone since',
    own: cutOff(sight(foreign)),
    peer: null,
    kept: kept(null, primary(sight(own))),
    is: 'different other-identifier',
  },
  {
    what: 'a promotion that is recorded here and that the other side never told of',
    own: cutOff(sight(own, 2, ...second)),
    peer: null,
    kept: kept(agreedOn(sight(own)), primary(sight(own))),
    promotions: [promotion(at(1, '0/500'), 2)],
    is: 'same kept',
  },
  {
    what: 'a newer timeline that no promotion recorded',
    own: cutOff(sight(own, 2, ...second)),
    peer: null,
    kept: ofOwn,
    is: 'unknown history-unexplained',
  },
  {
    what: 'a newer timeline from before what both had: restored from a backup',
    own: cutOff(sight(own, 2, at(1, '0/300'))),
    peer: null,
    kept: kept(agreedOn(sight(own), at(1, '0/400'))),
    is: 'different history-forked',
  },
  {
    what: 'a forked backup that the other side has met before it went away',
    own: cutOff(sight(own, 2, ...second)),
    peer: null,
    kept: kept(agreedOn(sight(own)), primary(sight(own))),
    is: 'different history-forked',
  },
  {
    what: 'accepted by a person',
    own: cutOff(sight(foreign)),
    peer: null,
    kept: kept({ ...agreedOn(sight(foreign)), by: { kind: 'person', who: 'ana', wallMs: 7 } }),
    is: 'same person',
  },
  {
    what: 'accepted by a person, and the other side is back with another one',
    own: cutOff(sight(foreign)),
    peer: primary(sight(own)),
    kept: kept({ ...agreedOn(sight(foreign)), by: { kind: 'person', who: 'ana', wallMs: 7 } }),
    is: 'different other-identifier',
  },
  {
    what: 'a data directory that cannot be read',
    own: report('stopped', null),
    peer: primary(sight(own)),
    kept: ofOwn,
    is: 'unknown not-readable',
  },
];

describe('one cluster', () => {
  test.each(rows)('$what: $is', ({ is, kept = noClusterMemory, promotions = [], ...facts }) => {
    const verdict = judgeCluster({ ...facts, kept, promotions });
    expect(verdict.is === 'same' ? `same ${verdict.by}` : `${verdict.is} ${verdict.why}`).toBe(is);
  });
});

describe('whether a side may be made to follow', () => {
  const upstream = sight(own, 2, ...second);
  test.each([
    ['an old primary, whatever it wrote after the switch', sight(own), 'same'],
    ['one that follows already', upstream, 'same'],
    ['no data directory', null, 'unknown'],
    ['a foreign one on the same timeline', sight(foreign), 'different'],
    ['a foreign one that looks as if it had followed', sight(foreign, 2, ...second), 'different'],
    ['a restored backup on a timeline of its own', sight(own, 2, at(1, '0/300')), 'different'],
    ['one that has gone on alone', sight(own, 3, ...third), 'different'],
  ] as const)('%s: %s', (_what, cluster, is) => {
    expect(judgeFollower(cluster, upstream).is).toBe(is);
  });
});

describe('what is kept', () => {
  const learnt = (own: ClusterReport, peer: ClusterReport | null, kept: ClusterMemory) =>
    learntOf({ own, peer, kept, wallMs: 9 });

  test('an agreement, once, and nothing is written again while it stays so', () => {
    const [mine, its] = [standby(sight(own)), primary(sight(own))];
    const first = learnt(mine, its, noClusterMemory);
    expect(first).toEqual({
      agreed: { ...sight(own), upTo: at(1, '0/400'), by: { kind: 'both', wallMs: 9 } },
      peer: { role: 'primary', cluster: sight(own) },
      streamedFrom: own,
    });
    if (first === null) throw new Error('nothing was learnt');
    expect(learnt({ ...mine, received: at(1, '0/450') }, its, first)).toBe(null);
    expect(learnt(mine, null, first)).toBe(null);
  });

  test('a disagreement replaces nothing that was agreed', () => {
    const next = learnt(standby(sight(foreign)), primary(sight(own)), ofOwn);
    expect(next?.agreed).toBe(ofOwn.agreed);
    expect(next?.streamedFrom).toBe(foreign);
  });

  test('a new identifier on both sides replaces the old one once it streams, a person included', () => {
    const byPerson = kept({
      ...agreedOn(sight('8000')),
      by: { kind: 'person', who: 'ana', wallMs: 1 },
    });
    const next = learnt(standby(sight('8000')), primary(sight('8000')), byPerson);
    expect(next?.agreed).toMatchObject({ identifier: '8000', by: { kind: 'both' } });
    const unseen = learnt(cutOff(sight('8000')), primary(sight('8000')), ofOwn);
    expect(unseen?.agreed).toBe(ofOwn.agreed);
  });
});
