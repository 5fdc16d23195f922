import type { Closed, Promotion } from '../database-side.ts';
import { authorityErrors } from '../errors.ts';
import type { FenceProof } from '../fence-proof.ts';
import { begun, proofHolds } from './decide.ts';
import type { Inside } from './inside.ts';
import type { Promises } from './lease.ts';
import type { Accepted, DatabaseLook } from './ports.ts';

export interface PromoteCommand {
  readonly token: number;
  readonly epoch: number;
  readonly proof: FenceProof;
  readonly lossy: { readonly sequenceAdvance: number } | null;
}

/** Makes this side the writer: with a proof, once, and to the end when it was begun. */
export class Promoting {
  readonly #inside: Inside;
  readonly #promises: Promises;

  constructor(inside: Inside, promises: Promises) {
    this.#inside = inside;
    this.#promises = promises;
  }

  /** Runs in its turn. Repeated, it answers the same promotion. */
  async promote(command: PromoteCommand): Promise<Promotion> {
    const { region, database, door, memory } = this.#inside;
    memory.mustAdmit(memory.current, command.token);
    const { accepted } = memory.current;
    if (accepted?.epoch === command.epoch && begun(memory.current)) return this.finish();
    const look = await database.look();
    const same = look.promotions.find(({ epoch }) => epoch === command.epoch);
    if (same?.region === region && look.role === 'primary') {
      // It ended before. Why the database may be closed since then is not this command's business.
      if (door.unsure) await door.settle();
      return same;
    }
    // It is a standby by this look, and no command comes in between: nobody looks again while nobody can write.
    return this.#finish(await this.#accept(command, look), null);
  }

  /** Carries a promotion that was begun to its end, whoever asked for it and whether or not they still live. */
  async finish(): Promise<Promotion> {
    const { region, database, memory } = this.#inside;
    const { accepted } = memory.current;
    if (accepted === null || !begun(memory.current)) throw new Error('no promotion was begun');
    const look = await database.look();
    const same = look.promotions.find(({ epoch }) => epoch === accepted.epoch);
    return this.#finish(accepted, same?.region === region && look.role === 'primary' ? same : null);
  }

  /** A person promoted this side by hand: it stays open, and says so in a new epoch. */
  async adopt(epoch: number): Promise<Promotion> {
    const { region, database, door, memory, onEvent } = this.#inside;
    const switched = await database.promote();
    const promotion = { epoch, region, ...switched };
    await database.recordPromotion(promotion);
    await memory.put({ known: { epoch, active: region }, closed: null, followed: null });
    await door.open();
    onEvent({ type: 'adopted', epoch, timeline: promotion.timeline });
    return promotion;
  }

  /** On disk before anything is promoted: from then on the other side may not open again. */
  async #accept(command: PromoteCommand, look: DatabaseLook): Promise<Accepted> {
    const { region, memory, policy } = this.#inside;
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
      ...{ proof, token, epoch, region, strict, received },
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
    if (proof.kind === 'expired') await this.#promises.ended();
    return memory.change((now) => {
      memory.mustAdmit(now, token);
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
      return { part: { token, accepted, closed }, answer: accepted };
    });
  }

  async #finish(accepted: Accepted, recorded: Promotion | null): Promise<Promotion> {
    const { region, database, door, memory, policy } = this.#inside;
    const { epoch, sequenceAdvance } = accepted;
    if (recorded === null) {
      // Before it can write: what is open now is open the moment that it is promoted.
      if (sequenceAdvance !== null) await door.close({ openTransactionsMs: 0 });
      if (policy.durability === 'synchronous') await database.setSynchronous(true);
      const switched = await database.promote();
      if (sequenceAdvance !== null) await database.advanceSequences(sequenceAdvance);
      recorded = { epoch, region, ...switched };
      await database.recordPromotion(recorded);
    }
    const { wasClosed, isClosed } = await memory.change((now) => {
      // What has come since it was accepted closes it again: a fence of a later run, or a newer epoch.
      const closed = now.closed !== null && isLater(now.closed, accepted) ? now.closed : null;
      const answer = { wasClosed: now.closed !== null, isClosed: closed !== null };
      return { part: { known: { epoch, active: region }, closed, followed: null }, answer };
    });
    if (isClosed ? door.unsure : wasClosed || door.unsure) await door.settle();
    return recorded;
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
