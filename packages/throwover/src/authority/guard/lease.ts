import { isThrowoverError } from '../../kernel/kernel.ts';
import { maxWriterLeaseMs } from '../../store/limits.ts';
import { authorityErrors } from '../errors.ts';
import { expiryOf } from '../timing.ts';
import type { Inside } from './inside.ts';
import type { MachineTime, PeerPromise } from './ports.ts';

/** While a new writer has no lease yet it asks this often, ms: nobody can write until it has. */
const eagerMs = 50;

/** Longest wait of a promotion for promises, ms: it must be answered within 15 s; a usual lease ends in it. */
const longestWaitMs = 12_000;

/**
 * Strict: the right to write, as its holder counts it: from when the renewal was sent. The database
 * checks the same times in every statement, so a guard that sleeps closes nothing too late.
 */
export class HeldLease {
  readonly #inside: Inside;
  #until: MachineTime | null = null;
  #lastRound: MachineTime | null = null;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #writing = false;
  #rouse: () => void = () => {};

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  /** How long the database goes on taking writes without another renewal, ms. */
  leftMs(): number {
    if (this.#until === null) return 0;
    const now = this.#inside.database.machineTime();
    return Math.max(0, Math.min(this.#until.bootMs - now.bootMs, this.#until.wallMs - now.wallMs));
  }

  /** Whether this side is the writer. One that has just become it asks at once: nobody can write until it has. */
  mayWrite(writing: boolean): void {
    if (writing && !this.#writing) {
      // Of an earlier time as the writer; the row may have been emptied since.
      this.#until = null;
      this.#rouse();
    }
    this.#writing = writing;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, policy } = this.#inside;
    if (policy.writerFence !== 'strict') return;
    signal.addEventListener('abort', () => this.#rouse(), { once: true });
    while (!signal.aborted) {
      try {
        await this.round();
      } catch (error) {
        // Whoever did not answer is asked again in the next round; the lease ends by itself.
        if (!isThrowoverError(error)) throw error;
      }
      const rest = new AbortController();
      this.#rouse = () => rest.abort();
      if (signal.aborted) return;
      const pause = this.#writing && this.leftMs() === 0 ? eagerMs : this.#pauseMs();
      await clock.sleep(pause, rest.signal).catch(() => {});
    }
  }

  async round(): Promise<void> {
    const { clock, policy } = this.#inside;
    const { gapMs, renewEveryMs, witnessDeadlineMs, peerDeadlineMs } = policy.timing;
    await this.#watchClocks(gapMs);
    const due = clock.monotonicMs() - this.#renewedMs >= renewEveryMs;
    if (!this.#writing || !(due || this.#until === null)) return;
    await this.#renew();
    // A store that hangs is no sleep of this machine: what lasts longer than both answers may is one.
    await this.#watchClocks(gapMs + witnessDeadlineMs + peerDeadlineMs);
  }

  async #watchClocks(longestMs: number): Promise<void> {
    const now = this.#inside.database.machineTime();
    const slept = this.#slept(now, longestMs);
    this.#lastRound = now;
    if (slept) await this.#close('the guard or its machine stood still, or a clock jumped');
  }

  #pauseMs(): number {
    const { renewEveryMs, tickMs } = this.#inside.policy.timing;
    return Math.min(renewEveryMs, tickMs);
  }

  /** A gap between two rounds, or a lease that is over by either clock: close first, ask afterwards. */
  #slept(now: MachineTime, longestMs: number): boolean {
    const last = this.#lastRound;
    if (
      this.#until !== null &&
      (now.bootMs >= this.#until.bootMs || now.wallMs >= this.#until.wallMs)
    ) {
      return true;
    }
    if (this.#until === null || last === null) return false;
    return now.bootMs - last.bootMs > longestMs || Math.abs(now.wallMs - last.wallMs) > longestMs;
  }

  async #close(why: string): Promise<void> {
    const { database, onEvent } = this.#inside;
    this.#until = null;
    await database.endLease();
    onEvent({ type: 'lease-lost', why });
  }

  async #renew(): Promise<void> {
    const { region, database, memory, clock, witness, policy } = this.#inside;
    const { known } = memory.current;
    const { leaseMs } = policy.timing;
    if (known.active !== region) return;
    // From before the question: the answer may be late, and the grant began when it was given.
    const sent = database.machineTime();
    const sentMs = clock.monotonicMs();
    const answer = await (witness
      ?.renewWriter({ region, epoch: known.epoch, leaseMs })
      .catch(unheard) ?? null);
    if (answer?.kind === 'granted') {
      await this.#extend(sent, sentMs);
    } else if (answer === null) {
      await this.#askPeer(known.epoch);
    } else {
      // Stopped: somebody waits for the lease to end. Nothing renews it; it ends by itself.
      await memory.learn(answer.known);
    }
  }

  /** The store is away: the other guard's promise is as good, because a promotion there waits for its end. */
  async #askPeer(epoch: number): Promise<void> {
    const { database, memory, clock, peer, policy } = this.#inside;
    const sent = database.machineTime();
    const sentMs = clock.monotonicMs();
    const answer = await (peer?.promise({ epoch, leaseMs: policy.timing.leaseMs }).catch(unheard) ??
      null);
    if (answer?.kind === 'promised') await this.#extend(sent, sentMs);
    else if (answer !== null) await memory.learn(answer.known);
  }

  async #extend(sent: MachineTime, sentMs: number): Promise<void> {
    const { database, policy } = this.#inside;
    const { leaseMs } = policy.timing;
    const until = { wallMs: sent.wallMs + leaseMs, bootMs: sent.bootMs + leaseMs };
    await database.extendLease(until);
    this.#until = until;
    this.#renewedMs = sentMs;
  }
}

/** Strict: what this guard has promised to the other one, counted on its own clock. */
export class Promises {
  readonly #inside: Inside;
  #endsMs: number;
  /** A promotion was asked for: no new promise until then, else it would never come. */
  #noneBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(inside: Inside) {
    this.#inside = inside;
    // What an earlier process promised is not known exactly: a whole longest promise from now on.
    const { keep, policy, clock } = inside;
    this.#endsMs =
      keep.current.promised === null
        ? Number.NEGATIVE_INFINITY
        : clock.monotonicMs() + expiryOf(maxWriterLeaseMs, policy.timing.driftBound);
  }

  async give({ epoch, leaseMs }: { epoch: number; leaseMs: number }): Promise<PeerPromise> {
    const { region, memory, clock, policy, database } = this.#inside;
    // A database that does not answer is no primary by this guard's doing: the other side needs its word all the more.
    const role = await database.look().then((look) => look.role, unheard);
    return memory.change<PeerPromise>((now) => {
      const { known, accepted } = now;
      const why =
        policy.writerFence !== 'strict'
          ? 'this guard is not strict'
          : accepted !== null && accepted.epoch > epoch
            ? 'a promotion was accepted'
            : this.areEnding
              ? 'a promotion waits for the end of the promises'
              : known.epoch > epoch
                ? `epoch ${known.epoch} is known`
                : role === 'primary' || known.active === region
                  ? 'this side is the primary'
                  : leaseMs > maxWriterLeaseMs
                    ? `a lease of ${leaseMs} ms is too long`
                    : null;
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
   * No new promise is given from now on, until a lease after the end of those that stand: a promotion that
   * was refused or given up must not leave the other side without anybody's word for good. Gives how long
   * they stand, ms.
   */
  end(): number {
    const { clock, policy } = this.#inside;
    const { leaseMs, driftBound } = policy.timing;
    const nowMs = clock.monotonicMs();
    this.#noneBeforeMs = Math.max(nowMs, this.#endsMs) + expiryOf(leaseMs, driftBound);
    return Math.max(0, this.#endsMs - nowMs);
  }

  /** Somebody waits for their end, or has just waited for it. */
  get areEnding(): boolean {
    return this.#inside.clock.monotonicMs() < this.#noneBeforeMs;
  }

  /** Waits for the end of every promise. */
  async ended(): Promise<void> {
    const { clock } = this.#inside;
    for (let leftMs = this.end(); leftMs > 0; leftMs = this.end()) {
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

/** No answer is no answer; a bug is thrown on. */
function unheard(error: unknown): null {
  if (!isThrowoverError(error)) throw error;
  return null;
}
