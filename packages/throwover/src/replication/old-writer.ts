import {
  type ConfirmedFence,
  commandOf,
  type DatabaseSide,
  type OpeningProof,
} from '../authority/authority.ts';
import { isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import type { StepContext } from '../runbook/runbook.ts';
import { replicationErrors } from './errors.ts';
import { fencePatienceMs, guardPatienceMs, lostPatienceMs } from './timings.ts';

interface OldWriterOptions {
  readonly from: DatabaseSide;
  /** The side whose guard must renounce the promotion before the door is opened again. */
  readonly to: DatabaseSide;
  readonly openTransactionsMs: number;
  /**
   * After this long the old guard asks the new one by itself, and opens if the new one renounces;
   * `null`: never by itself.
   */
  readonly deadlineMs: number | null;
  /** How long a run that can continue without the old side waits for its first answer, ms. */
  readonly lostPatienceMs?: number;
}

/**
 * The old writer, and this controller's proof that it is fenced.
 *
 * Only the controller that got a proof relies on it: between a crash and a resume the fence may have
 * passed its deadline, or somebody may have opened the door again, and promoting from the old
 * position would lose the writes made since. So a controller that takes the run over fences again
 * (the steps say `holdsForController`), which changes nothing if the fence still stands.
 */
export class OldWriter {
  readonly #options: OldWriterOptions;
  #proof: ConfirmedFence | null = null;
  #asking: Promise<unknown> = Promise.resolve();

  constructor(options: OldWriterOptions) {
    this.#options = options;
  }

  get region(): string {
    return this.#options.from.region;
  }

  /** `null` until this controller has fenced. */
  get proof(): ConfirmedFence | null {
    return this.#proof;
  }

  async fence({ run }: StepContext): Promise<ConfirmedFence> {
    const { from, openTransactionsMs, deadlineMs } = this.#options;
    const asked = from.fence({ ...commandOf(run), openTransactionsMs, deadlineMs });
    this.#asking = asked.catch(() => {});
    const proof = await asked;
    this.#proof = proof;
    return proof;
  }

  /**
   * Like `fence`, with a limited wait; a later answer still counts. A side that answers anything
   * gets the time for its open transactions. A side that does not answer is treated as lost.
   * `stopped`: its guard answers, and its server does not run, so that there is nothing to close.
   */
  async fenceIfAnswering(
    context: StepContext,
  ): Promise<ConfirmedFence | 'stopped' | typeof noAnswer> {
    const { clock } = context;
    const asked = this.fence(context).catch((error) => {
      const stopped =
        isThrowoverError(error, 'nothing-to-fence') && error.evidence['role'] === 'stopped';
      if (!stopped) throw error;
      return 'stopped' as const;
    });
    const patienceMs = this.#options.lostPatienceMs ?? lostPatienceMs;
    const [soon, seen] = await Promise.all([
      within(clock, patienceMs, asked),
      within(clock, patienceMs, this.#options.from.status()),
    ]);
    if (soon !== noAnswer || seen === noAnswer) return soon;
    return within(clock, fencePatienceMs - patienceMs, asked);
  }

  /**
   * Opens the old side again, with the proof that this run has not promoted the new side and will
   * not.
   */
  async unfence(context: StepContext): Promise<void> {
    // First of all: the new side's guard helps the old side again once it has renounced.
    const proof = await this.#openingProof(context);
    // A fence command that is still on its way would close the door after it was opened.
    await this.#asking;
    this.#proof = null;
    if (proof === null) return;
    await this.#options.from.unfence({ ...commandOf(context.run), proof });
  }

  /**
   * Like `unfence`, for an old side that may be gone. The refusal of the new guard stands, so an
   * old side that comes back asks that guard when the fence's deadline has passed, and opens by
   * itself.
   */
  async unfenceIfReachable(context: StepContext): Promise<void> {
    await within(context.clock, fencePatienceMs, this.unfence(context));
  }

  /** Returns the proof for a step that comes after the fence. */
  get confirmed(): ConfirmedFence {
    if (this.#proof === null) throw new Error('not fenced: the steps are out of order');
    return this.#proof;
  }

  /**
   * Asks the new guard to renounce first: that holds against any command that an older controller
   * still sends. If that guard does not answer, the journal decides: a promotion that was not
   * requested with the newest token cannot happen. `null`: a person promoted the new side by hand.
   * Then the old side must not be opened, and waiting for a proof would keep this run open and
   * block every other one.
   */
  async #openingProof({ run, clock, never }: StepContext): Promise<OpeningProof | null> {
    const { region } = this.#options.to;
    const answer = await within(clock, guardPatienceMs, this.#options.to.renounce(commandOf(run)));
    if (answer === noAnswer) {
      if (never('promote')) return { kind: 'never-asked', token: run.token };
      throw replicationErrors.make(
        'opening-unproved',
        `${region}'s guard does not answer, and it may have been asked to promote: ${this.region} stays closed`,
        { region },
      );
    }
    if (answer.kind === 'renounced') return { kind: 'renounced', region, token: answer.token };
    const { accepted } = await this.#options.to.status();
    if (accepted?.epoch !== answer.epoch) return null;
    throw replicationErrors.make(
      'promotion-accepted',
      `${region}'s guard has accepted a promotion for epoch ${answer.epoch}: ${this.region} stays closed`,
      { ...answer, region },
    );
  }
}
