import { bytesOf, type Position } from '@throwover/client';
import { isThrowoverError } from '../../kernel/kernel.ts';
import type { SyncRecord } from '../messages.ts';
import type { Inside } from './inside.ts';
import type { AskedPeer, DatabaseLook, Witness } from './ports.ts';

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
  #silentSinceMs: number | null = null;
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
    if (this.#recorded === false && !look.synchronous) return;
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
    if (this.#recorded === true || look.position === null || look.standby === null) return;
    this.#since ??= look.position;
    const has = bytesOf(look.position) - BigInt(Math.ceil(look.standby.lagBytes));
    if (has < bytesOf(this.#since)) return;
    if (this.#doubt !== null && look.position <= this.#doubt) return;
    const { witness, peer, onEvent } = this.#inside;
    const record = this.#record({ inSync: true, position: look.position });
    // Both places that may have written down "not in sync" must hear of it. A place that does not
    // answer is told again in the next round.
    const heard = await Promise.all([witness, peer].map((place) => written(place, record)));
    if (heard.includes(false)) return;
    this.#recorded = true;
    onEvent({ type: 'in-sync' });
  }

  /**
   * Stops waiting for the standby. This is written down first and put in force afterwards, so no
   * commit is acknowledged without the standby before it is written down.
   */
  async #giveUp(look: DatabaseLook): Promise<void> {
    const { onEvent } = this.#inside;
    if (look.position === null) return;
    const record = this.#record({ inSync: false, position: look.position });
    const { witness, peer } = this.#inside;
    if ((await written(witness, record)) !== true && (await written(peer, record)) !== true) return;
    this.#recorded = false;
    this.#doubt = look.position;
    this.#since = null;
    await this.#set(false);
    onEvent({ type: 'not-in-sync', record });
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
