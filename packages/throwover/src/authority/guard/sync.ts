import { bytesOf, type Position } from '@throwover/client';
import { isThrowoverError } from '../../kernel/kernel.ts';
import type { SyncRecord } from '../messages.ts';
import type { Inside } from './inside.ts';
import type { AskedPeer, DatabaseLook, Witness } from './ports.ts';

/**
 * Pause after which store and peer are told again what they know already, ms: one that was put back
 * from a backup, or begun anew, has forgotten it, and a failover then counts the loss as unknown.
 */
const tellAgainMs = 30_000;

/**
 * Synchronous durability: commits wait for the standby. Before the primary stops waiting for it,
 * the store or the other guard has written down since when. If neither answers, commits go on
 * waiting.
 */
export class Synchronous {
  readonly #inside: Inside;
  /** The state that this process wrote down last. */
  #recorded: boolean | null = null;
  /** Commits wait since this position; the standby must have it before they count as in sync. */
  #since: Position | null = null;
  /**
   * Position at which this process last wrote down that commits do not wait. A later "in sync"
   * counts only beyond this position.
   */
  #doubt: Position | null = null;
  /** "Not in sync", as this process wrote it down first since commits were in sync. */
  #gaveUp: SyncRecord | null = null;
  #silentSinceMs: number | null = null;
  /** When this process last told the state in which commits are. */
  #toldMs = Number.NEGATIVE_INFINITY;
  /** The log says already that commits wait because nobody writes down that they need not. */
  #saidWaiting = false;
  /**
   * The last setting that this process asked for is in force. Until then a setting may be on disk
   * that is not in force yet, and any reload would put it in force: commits would go ahead of the
   * standby.
   */
  #settled = false;

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  get inSync(): boolean {
    return this.#recorded === true;
  }

  /** This side is not the writer: forgets what it knew from its time as the writer. */
  forget(): void {
    this.#recorded = null;
    this.#since = null;
    this.#doubt = null;
    this.#silentSinceMs = null;
    this.#saidWaiting = false;
    this.#settled = false;
  }

  /** Runs one round on the writer. */
  async watch(look: DatabaseLook): Promise<void> {
    const { clock, policy } = this.#inside;
    if (policy.durability !== 'synchronous') return;
    const streams = look.standby?.state === 'streaming';
    if (streams) {
      this.#silentSinceMs = null;
      if (!look.synchronous || !this.#settled) await this.#demand();
      else await this.#confirm(look);
      return;
    }
    this.#silentSinceMs ??= clock.monotonicMs();
    const silentMs = clock.monotonicMs() - this.#silentSinceMs;
    if (silentMs < policy.timing.syncPatienceMs) return;
    // This is needed even if the standby was given up before: it may have come and gone since, so
    // that commits wait again.
    if (this.#recorded === false && !look.synchronous && !this.#mayHaveBeenForgotten) return;
    await this.#giveUp(look);
  }

  async #demand(): Promise<void> {
    const { database } = this.#inside;
    await this.#set(true);
    // Read after the setting is in force: everything that was acknowledged without the standby is
    // before this position.
    this.#since = (await database.look()).position;
  }

  async #confirm(look: DatabaseLook): Promise<void> {
    if (this.#recorded === true && !this.#mayHaveBeenForgotten) return;
    if (look.position === null || look.standby === null) return;
    this.#since ??= look.position;
    const has = bytesOf(look.position) - BigInt(Math.ceil(look.standby.lagBytes));
    if (has < bytesOf(this.#since)) return;
    if (this.#doubt !== null && look.position <= this.#doubt) return;
    const { onEvent } = this.#inside;
    const record = this.#record({ inSync: true, position: look.position });
    // Both places that may have written down "not in sync" must hear of it. A place that does not
    // answer is told again in the next round.
    const heard = await Promise.all(this.#tell(record));
    if (heard.includes(false) || this.#recorded === true) return;
    this.#recorded = true;
    onEvent({ type: 'in-sync' });
  }

  get #mayHaveBeenForgotten(): boolean {
    return this.#inside.clock.monotonicMs() - this.#toldMs >= tellAgainMs;
  }

  #tell(record: SyncRecord): readonly Promise<boolean | null>[] {
    const { witness, peer, clock } = this.#inside;
    this.#toldMs = clock.monotonicMs();
    return [witness, peer].map((place) => written(place, record));
  }

  /**
   * Stops waiting for the standby. This is written down first and put in force afterwards, so no
   * commit is acknowledged without the standby before it is written down.
   */
  async #giveUp(look: DatabaseLook): Promise<void> {
    const { onEvent, memory } = this.#inside;
    if (look.position === null) return;
    const kept = this.#recorded === false ? this.#gaveUp : null;
    const since = kept?.epoch === memory.current.known.epoch ? kept : null;
    // Told again, it says since when: everything before that is on the standby. If commits wait
    // again meanwhile, an "in sync" may be on its way, and only a position beyond its own stops it.
    const record =
      since === null || look.synchronous
        ? this.#record({ inSync: false, position: look.position })
        : since;
    // The standby's region may be lost, so the first answer is enough.
    if (!(await oneIsTrue(this.#tell(record)))) {
      if (!this.#saidWaiting && look.synchronous) onEvent({ type: 'commits-wait' });
      this.#saidWaiting = true;
      return;
    }
    this.#recorded = false;
    this.#gaveUp = since ?? record;
    this.#doubt = look.position;
    this.#since = null;
    this.#saidWaiting = false;
    if (look.synchronous || !this.#settled) await this.#set(false);
    if (since === null) onEvent({ type: 'not-in-sync', record });
  }

  async #set(on: boolean): Promise<void> {
    this.#settled = false;
    await this.#inside.database.setSynchronous(on);
    this.#settled = true;
  }

  #record(what: Pick<SyncRecord, 'inSync' | 'position'>): SyncRecord {
    const { memory, clock } = this.#inside;
    return { epoch: memory.current.known.epoch, wallMs: clock.wallMs(), ...what };
  }
}

/** Returns true as soon as one answer is true; false when all have come and none is. */
function oneIsTrue(answers: readonly Promise<boolean | null>[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    for (const answer of answers) answer.then((yes) => yes === true && resolve(true), reject);
    Promise.all(answers).then(() => resolve(false), reject);
  });
}

/** Returns whether the place has written it down; `null` if there is no such place. */
async function written(
  place: AskedPeer | Witness | null,
  record: SyncRecord,
): Promise<boolean | null> {
  if (place === null) return null;
  try {
    await place.recordSync(record);
    return true;
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return false;
  }
}
