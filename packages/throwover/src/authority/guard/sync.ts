import { bytesOf, type Position } from '@throwover/client';
import { isThrowoverError } from '../../kernel/kernel.ts';
import type { Inside } from './inside.ts';
import type { DatabaseLook, Peer, SyncRecord, Witness } from './ports.ts';

/**
 * Synchronous durability: commits wait for the standby. Before it is given up on, the store or the
 * other guard has written down since when; with neither, commits wait on.
 */
export class Synchronous {
  readonly #inside: Inside;
  /** What was written down last by this process. */
  #recorded: boolean | null = null;
  /** Commits wait since this position; the standby must have it before they count as in sync. */
  #since: Position | null = null;
  /** From where this process has last written down that they do not; an "in sync" counts only from beyond it. */
  #doubt: Position | null = null;
  #silentSinceMs: number | null = null;
  /**
   * What this process asked for last was done to its end. Until then a setting may stand on disk that is
   * not in force yet: the next reload, whatever it is for, would let commits go ahead of the standby.
   */
  #settled = false;

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  get inSync(): boolean {
    return this.#recorded === true;
  }

  /** This side is not the writer: what it knew of its own time as one counts no more. */
  forget(): void {
    this.#recorded = null;
    this.#since = null;
    this.#doubt = null;
    this.#silentSinceMs = null;
    this.#settled = false;
  }

  /** One round on the writer. */
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
    // Also when it was given up on before: it may have come and gone since, and commits wait again.
    if (this.#recorded === false && !look.synchronous) return;
    await this.#giveUp(look);
  }

  async #demand(): Promise<void> {
    const { database } = this.#inside;
    await this.#set(true);
    // Read after it is in force: whatever was acknowledged without the standby stands before it.
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
    // Everybody who may have written down the contrary hears of it; one who does not is told again.
    const heard = await Promise.all([witness, peer].map((place) => written(place, record)));
    if (heard.includes(false)) return;
    this.#recorded = true;
    onEvent({ type: 'in-sync' });
  }

  /** Written down first, then in force: a commit that does not wait is never acknowledged before. */
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

/** `null`: there is nobody to ask. */
async function written(place: Peer | Witness | null, record: SyncRecord): Promise<boolean | null> {
  if (place === null) return null;
  try {
    await place.recordSync(record);
    return true;
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return false;
  }
}
