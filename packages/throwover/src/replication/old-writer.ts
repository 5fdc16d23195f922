import { isPosition } from '@throwover/client';
import type { DatabaseSide } from '../authority/database-side.ts';
import type { ConfirmedFence, OpeningProof } from '../authority/fence-proof.ts';
import { noAnswer, within } from '../kernel/kernel.ts';
import { evidenceOf } from '../runbook/observe.ts';
import type { StepContext } from '../runbook/step.ts';
import { replicationErrors } from './errors.ts';
import { fencePatienceMs, guardPatienceMs, lostPatienceMs } from './timings.ts';

/**
 * The old writer, and the proof that this controller has of its fence.
 *
 * A proof is believed only by the controller that got it: between a crash and a resume somebody may
 * have opened the door again, and an old position would then lose what was written since. So a
 * controller that took the run over fences again, which changes nothing when the fence still stands.
 */
export class OldWriter {
  readonly #from: DatabaseSide;
  readonly #to: DatabaseSide;
  readonly #openTransactionsMs: number;
  readonly #deadlineMs: number | null;
  readonly #lostPatienceMs: number;
  #proof: ConfirmedFence | null = null;
  #asking: Promise<unknown> = Promise.resolve();

  constructor(options: {
    from: DatabaseSide;
    /** Whose guard says that it promotes nothing, before the door is opened again. */
    to: DatabaseSide;
    openTransactionsMs: number;
    /** After this long the old guard asks the new one by itself, and opens when it may; `null`: never by itself. */
    deadlineMs: number | null;
    /** How long an old side that a run can do without is waited for until it says anything, ms. */
    lostPatienceMs?: number;
  }) {
    this.#from = options.from;
    this.#to = options.to;
    this.#openTransactionsMs = options.openTransactionsMs;
    this.#deadlineMs = options.deadlineMs;
    this.#lostPatienceMs = options.lostPatienceMs ?? lostPatienceMs;
  }

  get region(): string {
    return this.#from.region;
  }

  /** Null until this controller has fenced. */
  get proof(): ConfirmedFence | null {
    return this.#proof;
  }

  async fence({ run }: StepContext): Promise<ConfirmedFence> {
    const openTransactionsMs = this.#openTransactionsMs;
    const deadlineMs = this.#deadlineMs;
    const asked = this.#from.fence({ token: run.token, openTransactionsMs, deadlineMs });
    this.#asking = asked.catch(() => {});
    const proof = await asked;
    this.#proof = proof;
    return proof;
  }

  /**
   * As `fence`, for a while; an answer that comes later still counts. Who says anything is given the time
   * for its open transactions; who is silent is gone, or as good as that.
   */
  async fenceIfAnswering(context: StepContext): Promise<ConfirmedFence | typeof noAnswer> {
    const { clock } = context;
    const asked = this.fence(context);
    const patienceMs = this.#lostPatienceMs;
    const [soon, seen] = await Promise.all([
      within(clock, patienceMs, asked),
      within(clock, patienceMs, this.#from.status()),
    ]);
    if (soon !== noAnswer || seen === noAnswer) return soon;
    return within(clock, fencePatienceMs - patienceMs, asked);
  }

  /** Opens the old side again, with the proof that the new one was not and will not be promoted by this run. */
  async unfence(context: StepContext): Promise<void> {
    // A fence that is still on its way would close the door behind us.
    await this.#asking;
    this.#proof = null;
    const proof = await this.#openingProof(context);
    if (proof === null) return;
    await this.#from.unfence({ token: context.run.token, proof });
  }

  /**
   * As `unfence`, where the old side may be gone: the new guard's refusal stands, so an old side that
   * comes back asks it when the fence's deadline has passed, and opens by itself.
   */
  async unfenceIfReachable(context: StepContext): Promise<void> {
    await within(context.clock, fencePatienceMs, this.unfence(context));
  }

  /** The proof of this controller: its own from the journal, or a new one after a takeover. */
  async confirmed(context: StepContext): Promise<ConfirmedFence> {
    return this.known(context) ?? (await this.fence(context));
  }

  /** The proof that this controller has already; null when it has none. */
  known(context: StepContext): ConfirmedFence | null {
    this.#proof ??= journaledProof(context);
    return this.#proof;
  }

  /**
   * The new guard's word first: it holds against whatever an older controller still sends there. Its
   * silence is answered by the journal: what nobody asked for, with the newest token, cannot come.
   * `null`: somebody else promoted the new side, a person by hand; then there is nothing to open, and a
   * run that waited for it would keep every other one from beginning.
   */
  async #openingProof({ run, clock, never }: StepContext): Promise<OpeningProof | null> {
    const { region } = this.#to;
    const answer = await within(clock, guardPatienceMs, this.#to.renounce(run.token));
    if (answer === noAnswer) {
      if (never('promote')) return { kind: 'never-asked', token: run.token };
      throw replicationErrors.make(
        'opening-unproved',
        `${region}'s guard does not answer, and it may have been asked to promote: ${this.region} stays closed`,
        { region },
      );
    }
    if (answer.kind === 'renounced') return { kind: 'renounced', region, token: answer.token };
    const { accepted } = await this.#to.status();
    if (accepted?.epoch !== answer.epoch) return null;
    throw replicationErrors.make(
      'promotion-accepted',
      `${region}'s guard has accepted a promotion for epoch ${answer.epoch}: ${this.region} stays closed`,
      { ...answer, region },
    );
  }
}

/** The proof that this controller journaled; null when another one did, or none. */
function journaledProof(context: StepContext): ConfirmedFence | null {
  const { region, position, token } = evidenceOf(context, 'fence');
  if (typeof region !== 'string' || !isPosition(position) || token !== context.run.token)
    return null;
  return { kind: 'confirmed', region, position, token: context.run.token };
}
