import { clusterText } from '../cluster.ts';
import { authorityErrors } from '../errors.ts';
import type { Accepted, Closed, FenceProof, Promotion, RunCommand } from '../messages.ts';
import type { Clusters } from './clusters.ts';
import { proofHolds } from './decide.ts';
import type { Inside } from './inside.ts';
import type { HeldLease } from './lease.ts';
import { seen } from './memory.ts';
import type { DatabaseLook } from './ports.ts';
import type { Promises } from './promises.ts';
import { begun } from './side.ts';

export interface PromoteCommand extends RunCommand {
  readonly epoch: number;
  readonly proof: FenceProof;
  readonly lossy: { readonly sequenceAdvance: number } | null;
  readonly unknownCluster?: boolean;
}

/** Makes this side the writer: with a proof, once, and through to the end when it was begun. */
export class Promoting {
  readonly #inside: Inside;
  readonly #promises: Promises;
  readonly #clusters: Clusters;

  readonly #lease: HeldLease;

  constructor(
    inside: Inside,
    parts: {
      readonly promises: Promises;
      readonly clusters: Clusters;
      readonly lease: HeldLease;
    },
  ) {
    this.#inside = inside;
    this.#promises = parts.promises;
    this.#clusters = parts.clusters;
    this.#lease = parts.lease;
  }

  /** Promotes this side. Runs in its turn. A repeated command returns the same promotion. */
  async promote(command: PromoteCommand): Promise<Promotion> {
    const { region, database, door, memory } = this.#inside;
    memory.mustAdmit(memory.current, command);
    const { accepted } = memory.current;
    if (accepted?.epoch === command.epoch && begun(memory.current)) return this.finish();
    const look = this.#inside.looks.beforeThisTurn() ?? (await database.look());
    const same = look.promotions.find(({ epoch }) => epoch === command.epoch);
    if (same?.region === region && look.role === 'primary') {
      // The promotion ended before. If the database was closed since, this command must not change
      // that.
      if (door.unsure) await door.settle();
      return same;
    }
    // The database is a standby by this look, and no other command comes in between. A second look
    // would cost time while no region takes writes.
    return this.#finish(await this.#accept(command, look), null, look);
  }

  /** Finishes a promotion that was begun, even if the controller that asked for it is gone. */
  async finish(): Promise<Promotion> {
    const { region, database, memory } = this.#inside;
    const { accepted } = memory.current;
    if (accepted === null || !begun(memory.current)) throw new Error('no promotion was begun');
    const look = await database.look();
    if (look.role === 'standby') this.#mustStillBeOneCluster(look);
    const same = look.promotions.find(({ epoch }) => epoch === accepted.epoch);
    const ended = same?.region === region && look.role === 'primary';
    return this.#finish(accepted, ended ? same : null, look);
  }

  /** Adopts a promotion by hand: this side stays open and records a new epoch. */
  async adopt(epoch: number): Promise<Promotion> {
    const { region, database, door, memory, onEvent } = this.#inside;
    const switched = await database.promote({ identifier: null });
    this.#lease.startAnew();
    const promotion = { epoch, region, ...switched };
    await database.recordPromotion(promotion);
    await memory.put(
      {
        known: { epoch, active: region },
        ...{ closed: null, judging: null, followed: null, reopened: null },
      },
      'adopted',
    );
    await door.open();
    onEvent({ type: 'adopted', epoch, timeline: promotion.timeline });
    return promotion;
  }

  /**
   * Writes the acceptance to disk before anything is promoted: from then on the other side may not
   * open again.
   */
  async #accept(command: PromoteCommand, look: DatabaseLook): Promise<Accepted> {
    const { region, memory, policy, peer, paired } = this.#inside;
    const { token, epoch, proof } = command;
    memory.mustNotBeRenounced(memory.current, token);
    if (look.role !== 'standby') {
      throw this.#refused(`it is ${look.role}, not a standby`, { role: look.role });
    }
    const newest = look.promotions[0];
    if (newest !== undefined && newest.epoch >= epoch) {
      throw this.#refused(`it knows of epoch ${newest.epoch} in ${newest.region} already`, {
        newest,
      });
    }
    const strict = policy.writerFence === 'strict';
    const { received } = look;
    const { verdict, of } = proofHolds({
      ...{ proof, token, epoch, strict, received },
      peer: peer?.region ?? null,
      paired: paired(),
      lossy: command.lossy !== null,
      driftBound: policy.timing.driftBound,
    });
    if (!verdict.ok) {
      throw of === 'position'
        ? this.#refused(verdict.why, { received, proof })
        : authorityErrors.make('proof-not-accepted', `${region} is not promoted: ${verdict.why}`, {
            proof,
          });
    }
    await this.#mustBeOneCluster(command, look);
    if (proof.kind === 'expired') await this.#promises.ended(command);
    return memory.change((now) => {
      memory.mustAdmit(now, command);
      memory.mustNotBeRenounced(now, token);
      if (proof.kind === 'expired') this.#promises.mustHaveEnded();
      if (now.known.epoch >= epoch && now.known.active !== region) {
        throw this.#refused(`${now.known.active} is active in epoch ${now.known.epoch}`, {
          known: now.known,
        });
      }
      const accepted = acceptedOf(command);
      const closed =
        accepted.sequenceAdvance === null ? now.closed : ({ by: 'promotion', token } as const);
      const part = { ...seen(command), accepted, closed };
      return { part, answer: accepted, on: 'promotion-accepted' };
    });
  }

  async #finish(
    accepted: Accepted,
    recorded: Promotion | null,
    { cluster }: DatabaseLook,
  ): Promise<Promotion> {
    const { region, database, door, memory, policy } = this.#inside;
    const { epoch, sequenceAdvance } = accepted;
    if (recorded === null) {
      // Close before it can write: an open door would admit writers the moment that the database is
      // promoted.
      if (sequenceAdvance !== null) await door.close({ openTransactionsMs: 0 });
      if (policy.durability === 'synchronous') await database.setSynchronous(true);
      // Promote only the database that was judged, and not one that may have been put in its place
      // since.
      const identifier = cluster?.identifier ?? null;
      const switched = await database.promote({ identifier });
      this.#lease.startAnew();
      if (sequenceAdvance !== null) await database.advanceSequences(sequenceAdvance);
      recorded = { epoch, region, ...switched };
      await database.recordPromotion(recorded);
    }
    const { wasClosed, isClosed } = await memory.change((now) => {
      // A later closure counts: a fence of a later run, or a newer epoch, that came after the
      // promotion was accepted.
      const closed = now.closed !== null && isLater(now.closed, accepted) ? now.closed : null;
      const answer = { wasClosed: now.closed !== null, isClosed: closed !== null };
      return {
        part: {
          known: { epoch, active: region },
          ...{ closed, judging: null, followed: null, reopened: null },
        },
        answer,
        on: 'promoted',
      };
    });
    // Open the door if this process has not seen it open: an earlier process may have ended with
    // the door closed.
    if (isClosed ? door.unsure : wasClosed || !door.seenOpen) await door.settle();
    return recorded;
  }

  /** A refusal is permanent for this token: the run turns back, and the old side opens again. */
  async #mustBeOneCluster({ token, unknownCluster }: PromoteCommand, look: DatabaseLook) {
    try {
      this.#clusters.mustBePromotable(look, { acceptUnknown: unknownCluster === true });
    } catch (error) {
      await this.#inside.memory.change(({ renounced }) => ({
        part: token > renounced ? { renounced: token } : null,
        answer: undefined,
      }));
      throw error;
    }
  }

  /**
   * Another data directory may have been put here since the promotion was accepted. An unknown
   * cluster was approved then.
   */
  #mustStillBeOneCluster(look: DatabaseLook): void {
    const verdict = this.#clusters.verdict(look);
    if (verdict.is !== 'different') return;
    const why = clusterText(this.#inside.region, verdict);
    throw this.#refused(`the promotion was accepted, and since then ${why}`, { verdict });
  }

  #refused(why: string, evidence: Readonly<Record<string, unknown>>) {
    const { region } = this.#inside;
    return authorityErrors.make('promotion-refused', `${region} is not promoted: ${why}`, evidence);
  }
}

function isLater(closed: Closed, accepted: Accepted): boolean {
  switch (closed.by) {
    case 'fence':
      return closed.token > accepted.token;
    case 'newer-epoch':
      return closed.epoch > accepted.epoch;
    case 'start':
    case 'promotion':
      return false;
  }
}

function acceptedOf({ token, epoch, lossy }: PromoteCommand): Accepted {
  return { token, epoch, sequenceAdvance: lossy?.sequenceAdvance ?? null };
}
