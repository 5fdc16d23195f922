import { isThrowoverError } from '../../kernel/kernel.ts';
import { clusterText, judgeBoth, judgeCluster, judgeFollower, learntOf } from '../cluster.ts';
import { authorityErrors } from '../errors.ts';
import type {
  AcceptClusterCommand,
  ClusterReport,
  ClusterSight,
  ClusterVerdict,
  PeerWord,
  Promotion,
} from '../messages.ts';
import type { Inside } from './inside.ts';
import type { DatabaseLook } from './ports.ts';
import { begun } from './side.ts';

/**
 * Age up to which a report of the other guard still counts as its present answer, in rounds of
 * watching.
 */
const freshRounds = 3;

/**
 * Knows whether this database and the other region's belong to one cluster; keeps what it learns,
 * and refuses commands on a foreign database.
 */
export class Clusters {
  readonly #inside: Inside;
  #heard: { readonly report: ClusterReport; readonly atMs: number } | null = null;

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  verdict(look: DatabaseLook): ClusterVerdict {
    return this.#judge(reportOf(look), look.promotions);
  }

  /**
   * One round. `look` and `peer` are from the same moment, so an agreement is about two databases
   * at the same time.
   */
  async watch(look: DatabaseLook, peer: PeerWord | null): Promise<void> {
    const { clock, memory } = this.#inside;
    const report = peer?.report ?? null;
    this.#heard = report === null ? null : { report, atMs: clock.monotonicMs() };
    const own = reportOf(look);
    const news = () => {
      const kept = memory.current.cluster;
      return learntOf({ own, peer: report, kept, wallMs: clock.wallMs() });
    };
    if (news() === null) return;
    await memory.change(() => {
      const cluster = news();
      return { part: cluster === null ? null : { cluster }, answer: undefined };
    });
  }

  /**
   * Check before a promotion: throws `cluster-different` or `cluster-unknown`. An override accepts
   * only the unknown case.
   */
  mustBePromotable(look: DatabaseLook, options: { acceptUnknown: boolean }): void {
    const verdict = this.verdict(look);
    if (verdict.is === 'same') return;
    if (verdict.is === 'unknown' && options.acceptUnknown) return;
    const { region } = this.#inside;
    const code = verdict.is === 'different' ? 'cluster-different' : 'cluster-unknown';
    throw authorityErrors.make(code, `${region} is not promoted: ${clusterText(region, verdict)}`, {
      verdict,
    });
  }

  /**
   * Checked before a salvage. A database of another cluster could answer that no write was lost,
   * and it would be believed.
   */
  mustNotBeForeign(look: DatabaseLook): void {
    const verdict = this.verdict(look);
    if (verdict.is !== 'different' || verdict.why === 'left-behind') return;
    const { region } = this.#inside;
    throw authorityErrors.make(
      'cluster-different',
      `${region} is not salvaged: ${clusterText(region, verdict)}`,
      { verdict },
    );
  }

  /**
   * Check before this side is made to follow, because following discards everything that only this
   * side has.
   */
  async mustBeOf(upstream: string, look: DatabaseLook): Promise<void> {
    const { region } = this.#inside;
    if (look.cluster === null) return;
    const verdict = judgeFollower(look.cluster, await this.#clusterOf(upstream));
    if (verdict.is !== 'different') return;
    throw authorityErrors.make(
      'cluster-different',
      `${region} is not attached to ${upstream}: ${clusterText(region, verdict)}`,
      { verdict },
    );
  }

  /**
   * Records that a person accepts this database as the right one although the other side cannot
   * confirm it now.
   */
  async accept({ identifier, by }: AcceptClusterCommand): Promise<void> {
    const { region, database, memory, witness, clock, onEvent } = this.#inside;
    const refused = (why: string, evidence: Readonly<Record<string, unknown>>) =>
      authorityErrors.make('cluster-not-accepted', `${region}: ${why}`, evidence);
    const look = await database.look();
    const { cluster } = look;
    if (cluster?.identifier !== identifier) {
      const what = cluster === null ? 'cannot be read' : `is of cluster ${cluster.identifier}`;
      throw refused(`its database ${what}, not of ${identifier}`, { cluster, identifier });
    }
    const report = await this.#askPeer();
    const now = report === null ? null : judgeBoth(reportOf(look), report);
    if (now?.is === 'different') {
      throw refused(`both guards answer: ${clusterText(region, now)}`, { verdict: now });
    }
    const openRun = witness === null ? null : await witness.openRun();
    if (openRun !== null) throw refused(`run ${openRun} is open`, { runId: openRun });
    const wallMs = clock.wallMs();
    await memory.change((current) => {
      const { closed } = current;
      if (closed?.by === 'fence' || closed?.by === 'promotion' || begun(current)) {
        throw refused('a run has closed it, or has begun to promote it', { closed });
      }
      const agreed = {
        ...cluster,
        upTo: look.received,
        by: { kind: 'person', who: by, wallMs },
      } as const;
      return {
        part: { cluster: { agreed, peer: null, streamedFrom: null } },
        answer: undefined,
      };
    });
    onEvent({ type: 'cluster-accepted', identifier, by });
  }

  /** Asks the server that would be followed; if that does not answer, asks the peer's guard. */
  async #clusterOf(upstream: string): Promise<ClusterSight> {
    const { database, peer } = this.#inside;
    try {
      return await database.upstreamCluster(upstream);
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      const report = peer?.region === upstream ? await this.#askPeer() : null;
      if (report === null || report.cluster === null) throw error;
      return report.cluster;
    }
  }

  async #askPeer(): Promise<ClusterReport | null> {
    const { peer, memory } = this.#inside;
    if (peer === null) return null;
    try {
      return (await peer.word(memory.current.known)).report;
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      return null;
    }
  }

  #judge(own: ClusterReport, promotions: readonly Promotion[]): ClusterVerdict {
    const kept = this.#inside.memory.current.cluster;
    return judgeCluster({ own, peer: this.#peerNow(), kept, promotions });
  }

  /** The report of the other guard from the last rounds; `null` if it does not answer. */
  #peerNow(): ClusterReport | null {
    const { clock, policy } = this.#inside;
    if (this.#heard === null) return null;
    const { tickMs, peerDeadlineMs } = policy.timing;
    const fresh = clock.monotonicMs() - this.#heard.atMs < freshRounds * (tickMs + peerDeadlineMs);
    return fresh ? this.#heard.report : null;
  }
}

/** Returns the report about this database that the other guard is given. */
export function reportOf(look: DatabaseLook): ClusterReport {
  const { role, cluster, received, streaming, standby } = look;
  return {
    role,
    cluster,
    received,
    streaming: role === 'primary' ? standby?.state === 'streaming' : streaming,
  };
}
