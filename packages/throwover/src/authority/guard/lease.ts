import { isThrowoverError, orNull } from '../../kernel/kernel.ts';
import type { Inside } from './inside.ts';
import type { MachineTime } from './ports.ts';

/**
 * Pause between two questions of a new writer that has no lease yet, ms: no region takes writes
 * until it has one.
 */
const eagerMs = 50;

/** Ends a pause early. */
const roused = new Error('roused');

/**
 * Strict mode: the right to write, as its holder counts it, from the moment when it sent the
 * renewal. The database checks the same times by itself, so it stops taking writes on time even if
 * the guard sleeps.
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

  /** Time for which the database goes on taking writes without another renewal, ms. */
  leftMs(): number {
    if (this.#until === null) return 0;
    const now = this.#inside.database.machineTime();
    return Math.max(0, Math.min(this.#until.bootMs - now.bootMs, this.#until.wallMs - now.wallMs));
  }

  /**
   * Tells the lease whether this side is the writer. A new writer asks for a lease at once, because
   * it cannot write without one.
   */
  mayWrite(writing: boolean): void {
    if (writing && !this.#writing) {
      // This lease is from an earlier time as the writer; its row in the database may have been
      // emptied since.
      this.#until = null;
      this.#rouse();
    }
    this.#writing = writing;
  }

  /** Forgets the lease that was counted: a database that has just left recovery holds none. */
  startAnew(): void {
    this.#until = null;
    this.#rouse();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, policy } = this.#inside;
    if (policy.writerFence !== 'strict') return;
    signal.addEventListener('abort', () => this.#rouse(), { once: true });
    while (!signal.aborted) {
      try {
        await this.round();
      } catch (error) {
        // A place that did not answer is asked again in the next round; the lease ends by itself.
        if (!isThrowoverError(error)) throw error;
      }
      const rest = new AbortController();
      this.#rouse = () => rest.abort(roused);
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
    // A store that hangs is not a sleep of this machine. Only a pause that is longer than both
    // deadlines for answers counts as one.
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

  /**
   * Whether there was a gap between two rounds, or the lease has ended by either clock: then close
   * first and ask afterwards.
   */
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
    // Count from before the question: the answer may be late, and the grant began when it was
    // given.
    const sent = database.machineTime();
    const sentMs = clock.monotonicMs();
    const answer = await orNull(
      async () => (await witness?.renewWriter({ region, epoch: known.epoch, leaseMs })) ?? null,
    );
    if (answer?.kind === 'granted') {
      await this.#extend(sent, sentMs);
    } else if (answer === null) {
      await this.#askPeer(known.epoch);
    } else {
      // Refused because grants were stopped: a run waits for the lease to end. Nothing renews it;
      // it ends by itself.
      await memory.learn(answer.known);
    }
  }

  /**
   * The store does not answer: the other guard's promise is as good, because a promotion there
   * waits for the end of the promise.
   */
  async #askPeer(epoch: number): Promise<void> {
    const { database, memory, clock, peer, policy } = this.#inside;
    const sent = database.machineTime();
    const sentMs = clock.monotonicMs();
    const { leaseMs } = policy.timing;
    const answer = await orNull(async () => (await peer?.promise({ epoch, leaseMs })) ?? null);
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
