import { orNull } from '../../kernel/kernel.ts';
import { maxWriterLeaseMs } from '../../store/store.ts';
import { authorityErrors } from '../errors.ts';
import type { GuardMemory, PeerPromise, RunCommand } from '../messages.ts';
import { expiryOf } from '../timing.ts';
import type { Inside } from './inside.ts';
import { seen } from './memory.ts';
import { begun } from './side.ts';

/**
 * Longest time that a promotion waits for promises to end, ms. It must be answered within 15 s; a
 * lease of the default length ends in this time.
 */
const longestWaitMs = 12_000;

/**
 * How long a guard helps the other side with nothing after a failover has asked it to, ms, if that
 * is neither carried on nor taken back. As long as the fence of that failover stands.
 */
const judgingStandsMs = 60_000;

/**
 * The help that this guard gives to the other side while the store does not answer that one: it
 * promises that its own side is not promoted (strict), and writes down that commits do not wait
 * (synchronous). A failover to this side ends both before it computes what would be lost. Times are
 * counted on this guard's clock.
 */
export class Promises {
  readonly #inside: Inside;
  #endsMs: number;
  /** If nobody asks again until then, the failover that judges is given up. */
  #standsUntilMs: number;

  constructor(inside: Inside) {
    this.#inside = inside;
    // The promises of an earlier process are not known exactly, so count one promise of the maximum
    // length from now.
    const { keep, policy, clock } = inside;
    this.#endsMs =
      keep.current.promised === null
        ? Number.NEGATIVE_INFINITY
        : clock.monotonicMs() + expiryOf(maxWriterLeaseMs, policy.timing.driftBound);
    this.#standsUntilMs = clock.monotonicMs() + judgingStandsMs;
  }

  async give({ epoch, leaseMs }: { epoch: number; leaseMs: number }): Promise<PeerPromise> {
    const { region, memory, clock, policy, database } = this.#inside;
    await this.lapse();
    // A database that does not answer was not made primary by this guard. The other side needs the
    // promise all the more.
    const role = (await orNull(() => database.look()))?.role ?? null;
    return memory.change<PeerPromise>((now) => {
      const { known, accepted } = now;
      const against = [
        policy.writerFence !== 'strict' && 'this guard is not strict',
        accepted !== null && accepted.epoch > epoch && 'a promotion was accepted',
        this.areEnding && 'a promotion waits for the end of the promises',
        known.epoch > epoch && `epoch ${known.epoch} is known`,
        (role === 'primary' || known.active === region) && 'this side is the primary',
        leaseMs > maxWriterLeaseMs && `a lease of ${leaseMs} ms is too long`,
      ];
      const why = against.find((reason) => reason !== false) ?? null;
      if (why !== null) return { part: null, answer: { kind: 'refused', why, known } };
      const endsMs = clock.monotonicMs() + expiryOf(leaseMs, policy.timing.driftBound);
      this.#endsMs = Math.max(this.#endsMs, endsMs);
      return {
        part: now.promised === epoch ? null : { promised: epoch },
        answer: { kind: 'promised' },
      };
    });
  }

  /**
   * A failover with this token judges what its promotion would lose: from now on nothing new is
   * promised to the other side or written down for it, until the token is renounced. Returns how
   * long the promises given so far last, ms.
   */
  async end(command: RunCommand): Promise<number> {
    const { clock, memory } = this.#inside;
    const { token } = command;
    await memory.change((now) => {
      memory.mustAdmit(now, command);
      this.#standsUntilMs = Math.max(clock.monotonicMs(), this.#endsMs) + judgingStandsMs;
      const admitted = token > now.token ? seen(command) : {};
      return {
        part: { ...admitted, ...(now.judging === token ? {} : { judging: token }) },
        answer: undefined,
      };
    });
    return Math.max(0, this.#endsMs - clock.monotonicMs());
  }

  /** A failover judges what would be lost, or waits for the promises to end. */
  get areEnding(): boolean {
    return isJudging(this.#inside.memory.current);
  }

  /**
   * Gives a failover up that nobody has carried on or taken back: its promotion is renounced for
   * good, so its judgement needs to hold no longer, and the other side is helped again.
   */
  async lapse(): Promise<void> {
    const { clock, memory } = this.#inside;
    if (!this.areEnding) return;
    await memory.change((now) => {
      const over = isJudging(now) && !begun(now) && clock.monotonicMs() >= this.#standsUntilMs;
      return { part: over ? { renounced: now.judging } : null, answer: undefined };
    });
  }

  /** Waits for the end of every promise. */
  async ended(command: RunCommand): Promise<void> {
    const { clock } = this.#inside;
    for (let leftMs = await this.end(command); leftMs > 0; leftMs = await this.end(command)) {
      if (leftMs > longestWaitMs) this.mustHaveEnded();
      await clock.sleep(leftMs);
    }
  }

  mustHaveEnded(): void {
    const { region, clock } = this.#inside;
    const leftMs = this.#endsMs - clock.monotonicMs();
    if (leftMs <= 0) return;
    throw authorityErrors.make(
      'promise-stands',
      `${region}'s guard has promised the other side not to promote for another ${Math.ceil(leftMs)} ms`,
      { leftMs },
    );
  }
}

function isJudging(now: GuardMemory): now is GuardMemory & { judging: number } {
  return now.judging !== null && now.judging > now.renounced;
}
