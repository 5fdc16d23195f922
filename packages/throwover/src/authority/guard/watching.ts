import { isThrowoverError } from '../../kernel/kernel.ts';
import type { KnownEpoch, PeerWord } from '../messages.ts';
import type { Clusters } from './clusters.ts';
import { decideWatch, ownEpoch, type Watch } from './decide.ts';
import type { Fencing } from './fencing.ts';
import type { Inside } from './inside.ts';
import type { HeldLease } from './lease.ts';
import type { DatabaseLook, DoorLook } from './ports.ts';
import type { Promises } from './promises.ts';
import type { Promoting } from './promotion.ts';
import { noteReopened } from './reopened.ts';
import type { Synchronous } from './sync.ts';

/**
 * Pause between two rounds while a database that was started waits to be confirmed as active, ms:
 * its service is down.
 */
const eagerMs = 250;

interface Parts {
  readonly fencing: Fencing;
  readonly promoting: Promoting;
  readonly sync: Synchronous;
  readonly lease: HeldLease;
  readonly clusters: Clusters;
  readonly promises: Promises;
}

/**
 * Starts the database closed, notices newer epochs, opens the database when store or peer confirm
 * it as active, and finishes what was begun.
 */
export class Watching {
  readonly #inside: Inside;
  readonly #parts: Parts;
  #started = false;
  /** Last moment at which store or peer were asked and knew of no newer epoch, monotonic ms. */
  #vouchedMs: number | null = null;
  /** Time since when the store lags behind the epoch that this side opened, monotonic ms. */
  #storeBehindSinceMs: number | null = null;
  /** The event "reopened" was sent, and the database is not closed again yet. */
  #toldBroken = false;

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

  /**
   * A database that waits to be opened asks more often. A deadline that has passed is checked once
   * per tick.
   */
  #pauseMs(): number {
    const { memory, policy } = this.#inside;
    const { tickMs } = policy.timing;
    if (memory.current.closed?.by === 'start') return Math.min(eagerMs, tickMs);
    const deadlineMs = this.#parts.fencing.deadlineInMs();
    return deadlineMs !== null && deadlineMs > 0 ? Math.min(deadlineMs, tickMs) : tickMs;
  }

  /**
   * Runs before the first command: starts a database that is down, closed, and brings a running one
   * to the state in memory.
   */
  start(): Promise<void> {
    return quietly(() => this.#start());
  }

  async tick(): Promise<void> {
    await quietly(async () => {
      if (!this.#started) await this.#start();
      await this.#round();
    });
    // A separate call: even if a round fails, a fence whose deadline has passed must be dealt with.
    await quietly(() => this.#parts.fencing.watchDeadline());
    await quietly(() => this.#parts.promises.lapse());
  }

  async #start(): Promise<void> {
    const { effects, database, memory } = this.#inside;
    await effects.take(async () => {
      if (this.#started) return;
      const { role } = await database.look();
      if (role === 'stopped' && !memory.current.stopped) await this.#startClosed();
      // An act may have been cut short after it was written down, and the server may not have
      // loaded what is in the file. This matters on a standby too: if its door is left closed, the
      // database is closed the moment that it is promoted.
      if (role !== 'stopped') await this.#settleAtStart(role);
      this.#started = true;
    });
  }

  /**
   * Looks at the door before it closes it again: somebody may have let writers in while no guard
   * ran.
   */
  async #settleAtStart(role: DatabaseLook['role']): Promise<void> {
    const { door, memory } = this.#inside;
    const seen = memory.current.closed === null ? null : await door.look({ inTurn: true });
    if (seen?.verdict.is === 'broken') await this.#closeAgain(seen.verdict.why, seen.look, role);
    else await door.settle();
  }

  async #round(): Promise<void> {
    const { database, memory, door } = this.#inside;
    const [look, seen, [peer, witness]] = await Promise.all([
      database.look(),
      // If the server does not answer, store and peer are still asked.
      heard(door.look({ inTurn: false })),
      this.#keepClosedUntil(Promise.all([this.#askPeer(), this.#askWitness()])),
    ]);
    if (peer !== null) await memory.learn(peer.known);
    if (witness !== null) await memory.learn(witness);
    await quietly(() => this.#parts.clusters.watch(look, peer));
    await this.#act({ look, peer, witness, door: seen?.verdict ?? null });
    const now = await database.look();
    this.#noteWriter(now, { peer, witness });
    if (this.#isWriter(now)) {
      await this.#parts.sync.watch(now);
      await this.#tellStore(now, witness);
    } else this.#parts.sync.forget();
  }

  /**
   * Store and peer may be silent up to their deadlines. A closed database that somebody opens meanwhile, or may have
   * opened, needs no word of theirs to be tried and closed again.
   */
  async #keepClosedUntil<T>(answered: Promise<T>): Promise<T> {
    const { memory, database, door, clock, policy } = this.#inside;
    const ending = new AbortController();
    const keep = async () => {
      while (!ending.signal.aborted && memory.current.closed !== null) {
        const verdict = (await door.look({ inTurn: false }))?.verdict ?? null;
        if (verdict !== null && verdict.is !== 'as-written') {
          const look = await database.look();
          await this.#act({ look, peer: null, witness: null, door: verdict });
        }
        await clock.sleep(policy.timing.tickMs, ending.signal).catch(() => {});
      }
    };
    const keeping = quietly(keep);
    try {
      return await answered;
    } finally {
      ending.abort();
      await keeping;
    }
  }

  async #act(seen: Pick<Watch, 'look' | 'peer' | 'witness' | 'door'>): Promise<void> {
    const { region, effects, memory, database, door } = this.#inside;
    const alone = this.#inside.peer === null && this.#inside.witness === null;
    const decide = (now: Pick<Watch, 'look' | 'door'>) =>
      decideWatch({
        ...{ region, memory: memory.current, alone, doorUnsure: door.unsure },
        ...{ restored: door.restored, ...seen, ...now },
      });
    const first = decide(seen);
    if (first.do === 'nothing' || (first.do === 'try-door' && !door.mayTry)) return;
    await effects.take(async () => {
      // A command may have come in between: decide again from the present state.
      const look = await database.look();
      const atDoor = await door.look({ inTurn: true });
      const action = decide({ look, door: atDoor?.verdict ?? null });
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
        case 'close-again':
          if (atDoor !== null) await this.#closeAgain(action.why, atDoor.look, look.role);
          return;
        case 'open-again':
          return this.#openAgain(action.why);
        case 'try-door':
          if (atDoor !== null) await this.#tryDoor(atDoor.look, look.role);
          return;
        case 'stop-old-primary':
          return this.#stopOldPrimary(action.active);
        case 'remember-followed':
          return memory.put({ followed: action.timeline }, 'follows');
      }
    });
  }

  /**
   * On disk first: a guard that ends in between finds a running database that is not confirmed as
   * active.
   */
  async #startClosed(): Promise<void> {
    const { memory, database, onEvent } = this.#inside;
    await memory.change((now) => ({
      part: now.closed === null ? { closed: { by: 'start' } } : null,
      answer: undefined,
      on: 'started',
    }));
    await database.startClosed();
    onEvent({ type: 'started-closed' });
  }

  async #close({ epoch, active }: { epoch: number; active: string }): Promise<void> {
    const { memory, door, clock, onEvent } = this.#inside;
    const wasOpen = memory.current.closed === null;
    // If it was closed before and somebody has just reopened it, note that as in any other round.
    const seen = wasOpen ? null : await door.look({ inTurn: true });
    const broken = seen?.verdict.is === 'broken' && !door.stayedEmpty(seen.look);
    if (broken) await noteReopened(this.#inside);
    await memory.put({ closed: { by: 'newer-epoch', epoch, active } }, 'newer-epoch');
    await door.close({ openTransactionsMs: 0 });
    const openForAtMostMs = !wasOpen
      ? 0
      : this.#vouchedMs === null
        ? null
        : clock.monotonicMs() - this.#vouchedMs;
    onEvent({ type: 'closed-by-newer-epoch', epoch, active, openForAtMostMs });
  }

  /**
   * Closes a database into which somebody let the application. Its writes are on this side only.
   * The guard notes on disk that such writes may exist, so that they are salvaged before this side
   * follows again. It closes the door without waiting for that note.
   */
  async #closeAgain(
    why: readonly string[],
    look: DoorLook,
    role: DatabaseLook['role'],
  ): Promise<void> {
    const { door, onEvent } = this.#inside;
    const empty = door.stayedEmpty(look);
    if (!this.#toldBroken) {
      const openForAtMostMs = empty || role !== 'primary' ? 0 : door.closedAgoMs();
      onEvent({ type: 'reopened', why, sessions: look.sessions, openForAtMostMs });
      this.#toldBroken = true;
    }
    door.noteRestoration();
    const [closed, noted] = await Promise.allSettled([
      door.close({ openTransactionsMs: 0, mend: true }),
      role !== 'primary' || empty ? null : noteReopened(this.#inside),
    ]);
    if (closed.status === 'rejected') throw closed.reason;
    this.#toldBroken = false;
    onEvent({ type: 'closed-again', restored: door.restored });
    if (noted.status === 'rejected') throw noted.reason;
  }

  async #openAgain(why: readonly string[]): Promise<void> {
    const { door, onEvent } = this.#inside;
    door.noteRestoration();
    await door.open();
    onEvent({ type: 'opened-again', why });
  }

  /** The rules have changed and their text is right: tries once whether the server acts on them. */
  async #tryDoor(look: DoorLook, role: DatabaseLook['role']): Promise<void> {
    const { door, memory, onEvent } = this.#inside;
    if (!door.mayTry) return;
    const flapped = door.flapped(look);
    if (await door.tries(look)) {
      // Logins are refused now, but between two looks the server may have read another file and let
      // somebody in.
      if (flapped && role === 'primary' && memory.current.closed !== null) {
        onEvent({
          type: 'reopened',
          why: [flappedWords],
          sessions: 0,
          openForAtMostMs: door.closedAgoMs(),
        });
        await noteReopened(this.#inside);
      }
      return;
    }
    // A file that does not admit this machine also refuses the try. Opening the door again is
    // enough; this is no alarm.
    if (memory.current.closed === null) return door.open();
    await this.#closeAgain(door.observed?.why ?? [], look, role);
  }

  async #stopOldPrimary(active: string): Promise<void> {
    const { memory, database, door, onEvent } = this.#inside;
    await memory.put({ stopped: true });
    await database.stop();
    onEvent({ type: 'stopped-old-primary', restored: door.restored, active });
  }

  async #open(why: string, look: DatabaseLook): Promise<void> {
    const { memory, door, onEvent } = this.#inside;
    const follows = look.role === 'standby';
    await memory.put(
      {
        closed: null,
        reopened: null,
        ...(follows ? { followed: look.timeline, stopped: false } : {}),
      },
      follows ? 'follows' : 'vouched-for',
    );
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
   * Tells the store of the epoch that this side opened, in case the controller that began it is
   * gone. It waits one lease first, because until then the controller itself is about to do it.
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

const flappedWords =
  'the rules were changed and loaded, and changed back and loaded again, between two looks';

/** A place that does not answer is asked again in the next round; a bug is thrown on. */
async function quietly(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
  }
}

/** Turns a missing answer into `null`; throws a bug on. */
async function heard<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}
