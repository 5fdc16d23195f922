import { isThrowoverError } from '../../kernel/kernel.ts';
import type { KnownEpoch } from '../database-side.ts';
import { decideWatch, ownEpoch, type Watch } from './decide.ts';
import type { Fencing } from './fencing.ts';
import type { Inside } from './inside.ts';
import type { HeldLease } from './lease.ts';
import type { DatabaseLook, PeerWord } from './ports.ts';
import type { Promoting } from './promotion.ts';
import type { Synchronous } from './sync.ts';

/** Time between two rounds while a database that was started waits for a word, ms: its service is down. */
const eagerMs = 250;

interface Parts {
  readonly fencing: Fencing;
  readonly promoting: Promoting;
  readonly sync: Synchronous;
  readonly lease: HeldLease;
}

/** Starts the database closed, notices newer epochs, opens when somebody vouches, finishes what was begun. */
export class Watching {
  readonly #inside: Inside;
  readonly #parts: Parts;
  #started = false;
  /** Last moment at which nobody knew a newer epoch and somebody was asked, monotonic ms. */
  #vouchedMs: number | null = null;
  /** Since when the store lags behind the epoch that this side opened, monotonic ms. */
  #storeBehindSinceMs: number | null = null;

  constructor(inside: Inside, parts: Parts) {
    this.#inside = inside;
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#inside;
    while (!signal.aborted) {
      await this.tick();
      await clock.sleep(this.#pauseMs(), signal).catch(() => {});
    }
  }

  /** Who waits to be opened asks more often; a deadline that has passed is asked about once a tick. */
  #pauseMs(): number {
    const { memory, policy } = this.#inside;
    const { tickMs } = policy.timing;
    if (memory.current.closed?.by === 'start') return Math.min(eagerMs, tickMs);
    const deadlineMs = this.#parts.fencing.deadlineInMs();
    return deadlineMs !== null && deadlineMs > 0 ? Math.min(deadlineMs, tickMs) : tickMs;
  }

  /** Before commands come: a database that is down is started closed, one that runs is as memory says. */
  start(): Promise<void> {
    return quietly(() => this.#start());
  }

  async tick(): Promise<void> {
    await quietly(async () => {
      if (!this.#started) await this.#start();
      await this.#round();
    });
    // On its own: whatever keeps a round from its end, a fence that has stood too long must not wait for it.
    await quietly(() => this.#parts.fencing.watchDeadline());
  }

  async #start(): Promise<void> {
    const { effects, database, door, memory } = this.#inside;
    await effects.take(async () => {
      if (this.#started) return;
      const { role } = await database.look();
      if (role === 'stopped' && !memory.current.stopped) await this.#startClosed();
      // What was written down may have been cut short, and what stands in a file is not what a server has loaded.
      if (role === 'primary') await door.settle();
      this.#started = true;
    });
  }

  async #round(): Promise<void> {
    const { database, memory } = this.#inside;
    const [look, peer, witness] = await Promise.all([
      database.look(),
      this.#askPeer(),
      this.#askWitness(),
    ]);
    if (peer !== null) await memory.learn(peer.known);
    if (witness !== null) await memory.learn(witness);
    await this.#act({ look, peer, witness });
    const now = await database.look();
    this.#noteWriter(now, { peer, witness });
    if (this.#isWriter(now)) {
      await this.#parts.sync.watch(now);
      await this.#tellStore(now, witness);
    } else this.#parts.sync.forget();
  }

  async #act(seen: Pick<Watch, 'look' | 'peer' | 'witness'>): Promise<void> {
    const { region, effects, memory, database, door } = this.#inside;
    const alone = this.#inside.peer === null && this.#inside.witness === null;
    const decide = (look: DatabaseLook) =>
      decideWatch({
        ...{ region, memory: memory.current, alone, doorUnsure: door.unsure },
        ...{ ...seen, look },
      });
    const first = decide(seen.look);
    if (first.do === 'nothing') return;
    await effects.take(async () => {
      // A command may have come in between: decided again on what is now.
      const look = await database.look();
      const action = decide(look);
      switch (action.do) {
        case 'nothing':
          return;
        case 'start-closed':
          return this.#startClosed();
        case 'adopt':
          await this.#parts.promoting.adopt(action.epoch);
          return;
        case 'finish-promotion':
          await this.#parts.promoting.finish();
          return;
        case 'close':
          return this.#close(action);
        case 'open':
          return this.#open(action.why, look);
        case 'settle-door':
          return door.settle();
        case 'remember-followed':
          return memory.put({ followed: action.timeline });
      }
    });
  }

  /** On disk first: a guard that ends in between finds a running database that nobody has vouched for. */
  async #startClosed(): Promise<void> {
    const { memory, database, onEvent } = this.#inside;
    await memory.change((now) => ({
      part: now.closed === null ? { closed: { by: 'start' } } : null,
      answer: undefined,
    }));
    await database.startClosed();
    onEvent({ type: 'started-closed' });
  }

  async #close({ epoch, active }: { epoch: number; active: string }): Promise<void> {
    const { memory, door, clock, onEvent } = this.#inside;
    const wasOpen = memory.current.closed === null;
    await memory.put({ closed: { by: 'newer-epoch', epoch, active } });
    await door.close({ openTransactionsMs: 0 });
    const openForAtMostMs = !wasOpen
      ? 0
      : this.#vouchedMs === null
        ? null
        : clock.monotonicMs() - this.#vouchedMs;
    onEvent({ type: 'closed-by-newer-epoch', epoch, active, openForAtMostMs });
  }

  async #open(why: string, look: DatabaseLook): Promise<void> {
    const { memory, door, onEvent } = this.#inside;
    await memory.put({
      closed: null,
      ...(look.role === 'standby' ? { followed: look.timeline, stopped: false } : {}),
    });
    await door.open();
    onEvent({ type: 'opened', why });
  }

  #isWriter(look: DatabaseLook): boolean {
    const { region, memory } = this.#inside;
    const { closed, known } = memory.current;
    return look.role === 'primary' && closed === null && known.active === region;
  }

  #noteWriter(
    look: DatabaseLook,
    { peer, witness }: { peer: PeerWord | null; witness: KnownEpoch | null },
  ): void {
    const { clock } = this.#inside;
    const writer = this.#isWriter(look);
    this.#parts.lease.mayWrite(writer);
    if (writer && (peer !== null || witness !== null)) this.#vouchedMs = clock.monotonicMs();
  }

  /**
   * The epoch that this side opened reaches the store also when the controller that began it is gone:
   * after one lease, since before that the controller itself is about to.
   */
  async #tellStore(look: DatabaseLook, witness: KnownEpoch | null): Promise<void> {
    const { region, memory, clock, policy } = this.#inside;
    const { known } = memory.current;
    const own = ownEpoch({ region, look });
    const behind = witness !== null && witness.epoch < known.epoch && own === known.epoch;
    if (!behind) {
      this.#storeBehindSinceMs = null;
      return;
    }
    this.#storeBehindSinceMs ??= clock.monotonicMs();
    if (clock.monotonicMs() - this.#storeBehindSinceMs < policy.timing.leaseMs) return;
    const timeline = look.timeline ?? 0;
    await this.#inside.witness?.adoptEpoch({ epoch: known.epoch, active: region, timeline });
  }

  #askPeer(): Promise<PeerWord | null> {
    const { peer, memory } = this.#inside;
    return peer === null ? Promise.resolve(null) : heard(peer.word(memory.current.known));
  }

  #askWitness(): Promise<KnownEpoch | null> {
    const { witness } = this.#inside;
    return witness === null ? Promise.resolve(null) : heard(witness.newestEpoch());
  }
}

/** Who does not answer now is asked again in the next round; a bug is thrown on. */
async function quietly(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
  }
}

/** No answer is no answer; a bug is thrown on. */
async function heard<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}
