import type { KnownEpoch } from '../database-side.ts';
import { authorityErrors } from '../errors.ts';
import type { GuardMemory, Keep } from './ports.ts';

/** Of a guard that has never seen anything. */
export function newGuardMemory(): GuardMemory {
  return {
    token: 0,
    renounced: 0,
    accepted: null,
    known: { epoch: 0, active: null },
    closed: null,
    followed: null,
    stopped: false,
    attachment: null,
    promised: null,
    peerSync: null,
  };
}

/** Work that waits for its turn: what is decided from the memory and written to it is one thing. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** The memory with its rules for tokens; every decision that is written down is made in its turn. */
export class Memory {
  readonly #keep: Keep;
  readonly #region: string;
  readonly #turns = new Turns();

  constructor(keep: Keep, region: string) {
    this.#keep = keep;
    this.#region = region;
  }

  get current(): GuardMemory {
    return this.#keep.current;
  }

  /** `decide` sees what is on disk and nobody else changes it before its part is. */
  change<T>(
    decide: (now: GuardMemory) => {
      readonly part: Partial<GuardMemory> | null;
      readonly answer: T;
    },
  ): Promise<T> {
    return this.#turns.take(async () => {
      const { part, answer } = decide(this.#keep.current);
      if (part !== null && Object.keys(part).length > 0) await this.#keep.change(part);
      return answer;
    });
  }

  put(part: Partial<GuardMemory>): Promise<void> {
    return this.change(() => ({ part, answer: undefined }));
  }

  /** Refuses a token lower than the highest seen; a higher one is on disk before anything is done with it. */
  admit(token: number): Promise<void> {
    return this.change((now) => {
      this.mustAdmit(now, token);
      return { part: token > now.token ? { token } : null, answer: undefined };
    });
  }

  mustAdmit(now: GuardMemory, token: number): void {
    if (token >= now.token) return;
    throw authorityErrors.make(
      'token-too-old',
      `token ${token} is older than ${now.token}, which ${this.#region}'s guard has seen`,
      { token, seen: now.token },
    );
  }

  /** For fences and promotions: not with a token that was given up on for good. */
  mustNotBeRenounced(now: GuardMemory, token: number): void {
    if (token > now.renounced) return;
    throw authorityErrors.make(
      'token-renounced',
      `${this.#region}'s guard has given up on token ${token} for good`,
      { token, renounced: now.renounced },
    );
  }

  /** Remembers a newer epoch that somebody tells of. */
  learn(told: KnownEpoch): Promise<void> {
    if (!this.#isNews(this.current, told)) return Promise.resolve();
    return this.change((now) => ({
      part: this.#isNews(now, told) ? { known: told } : null,
      answer: undefined,
    }));
  }

  #isNews({ known, accepted }: GuardMemory, told: KnownEpoch): boolean {
    if (told.active === null) return false;
    // The other guard knows of a promotion as soon as it was accepted here; that it has ended is known when it is done.
    if (told.active === this.#region && told.epoch === accepted?.epoch) return false;
    return told.epoch > known.epoch || (told.epoch === known.epoch && known.active === null);
  }
}
