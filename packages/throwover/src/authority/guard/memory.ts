import { noClusterMemory } from '../cluster.ts';
import { authorityErrors } from '../errors.ts';
import type { GuardMemory, KnownEpoch, RunCommand } from '../messages.ts';
import type { GuardEvent, Keep } from './ports.ts';
import { type SideTurn, sideOf } from './side.ts';

/** The memory of a guard that has seen nothing yet. */
export function newGuardMemory(): GuardMemory {
  return {
    token: 0,
    run: null,
    pairedWith: null,
    renounced: 0,
    accepted: null,
    known: { epoch: 0, active: null },
    closed: null,
    followed: null,
    stopped: false,
    reopened: null,
    attachment: null,
    promised: null,
    judging: null,
    peerSync: null,
    cluster: noClusterMemory,
  };
}

/** The part of the memory that names the last command seen. */
export function seen({ token, scope: { run } }: RunCommand): Pick<GuardMemory, 'token' | 'run'> {
  return { token, run };
}

/**
 * Runs one piece of work at a time: a decision from the memory and its write to the memory are one
 * unit.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #taken = 0;
  #ended = 0;

  /** How many pieces of work were handed over so far, ended or not. */
  get taken(): number {
    return this.#taken;
  }

  /** No work is going on or waits for its turn. */
  get idle(): boolean {
    return this.#taken === this.#ended;
  }

  take<T>(work: () => Promise<T>): Promise<T> {
    this.#taken += 1;
    const result = this.#last.then(work, work);
    const ended = () => {
      this.#ended += 1;
    };
    this.#last = result.then(ended, ended);
    return result;
  }
}

/**
 * The guard's memory with its rules for tokens. Every decision that is written down is made in its
 * turn.
 */
export class Memory {
  readonly #keep: Keep;
  readonly #region: string;
  readonly #onEvent: (event: GuardEvent) => void;
  readonly #turns = new Turns();

  constructor(options: {
    keep: Keep;
    region: string;
    onEvent: (event: GuardEvent) => void;
  }) {
    this.#keep = options.keep;
    this.#region = options.region;
    this.#onEvent = options.onEvent;
  }

  get current(): GuardMemory {
    return this.#keep.current;
  }

  /**
   * `decide` sees the memory as it is on disk; no other change happens before its own part is
   * written. `on`: what changes the side (side.ts), if the part does that.
   */
  change<T>(
    decide: (now: GuardMemory) => {
      readonly part: Partial<GuardMemory> | null;
      readonly answer: T;
      readonly on?: SideTurn | undefined;
    },
  ): Promise<T> {
    return this.#turns.take(async () => {
      const before = sideOf(this.current);
      const { part, answer, on } = decide(this.current);
      if (part !== null && Object.keys(part).length > 0) await this.#keep.change(part);
      const side = sideOf(this.current);
      if (side !== before) this.#onEvent({ type: 'side-changed', from: before, on, to: side });
      return answer;
    });
  }

  put(part: Partial<GuardMemory>, on?: SideTurn): Promise<void> {
    return this.change(() => ({ part, answer: undefined, on }));
  }

  /**
   * Refuses a token that is lower than the highest seen. A higher token is on disk before its
   * command has any effect.
   */
  admit(command: RunCommand): Promise<void> {
    return this.change((now) => {
      this.mustAdmit(now, command);
      return { part: command.token > now.token ? seen(command) : null, answer: undefined };
    });
  }

  /**
   * Refuses a token that is too old. Each token belongs to one run: if another run sends the same
   * token, it comes from another store.
   */
  mustAdmit(now: GuardMemory, { token, scope: { run } }: RunCommand): void {
    if (token > now.token) return;
    if (token === now.token && (now.run === null || now.run === run)) return;
    throw authorityErrors.make(
      'token-too-old',
      token < now.token
        ? `token ${token} of run ${run} is older than ${now.token}, which ${this.#region}'s guard has seen`
        : `token ${token} of run ${run} is the token of run ${now.run}, as ${this.#region}'s guard has seen`,
      { token, run, seen: { token: now.token, run: now.run } },
    );
  }

  /** Refuses fences and promotions with a renounced token. */
  mustNotBeRenounced(now: GuardMemory, token: number): void {
    if (token > now.renounced) return;
    throw authorityErrors.make(
      'token-renounced',
      `${this.#region}'s guard has given up on token ${token} for good`,
      { token, renounced: now.renounced },
    );
  }

  /** Remembers a newer epoch that another guard or the store reports. */
  learn(told: KnownEpoch): Promise<void> {
    if (!this.#isNews(this.current, told)) return Promise.resolve();
    return this.change((now) => ({
      part: this.#isNews(now, told) ? { known: told } : null,
      answer: undefined,
      on: 'told',
    }));
  }

  #isNews({ known, accepted }: GuardMemory, told: KnownEpoch): boolean {
    if (told.active === null) return false;
    // The other guard knows of a promotion as soon as it is accepted here. This side counts its
    // epoch as known only when the promotion is finished.
    if (told.active === this.#region && told.epoch === accepted?.epoch) return false;
    return told.epoch > known.epoch || (told.epoch === known.epoch && known.active === null);
  }
}
