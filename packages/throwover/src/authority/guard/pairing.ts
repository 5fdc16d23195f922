import { isThrowoverError } from '../../kernel/kernel.ts';
import { authorityErrors } from '../errors.ts';
import type { Pair, RunCommand } from '../messages.ts';
import type { Memory } from './memory.ts';
import type { AskedPeer, GuardEvent, Peer } from './ports.ts';

/** Error codes with which a guard says that it does not work with the guard that asks. */
const strangerCodes = ['other-service', 'other-regions', 'guard-without-peer'] as const;

/** Named calls, each with one input. */
type Calls<Named> = { readonly [Name in keyof Named]: (input: never) => Promise<unknown> };

/** Fields of commands that name a region. */
type Command = RunCommand & { readonly upstream?: string };

/**
 * One service and two regions. The guard obeys commands and answers questions about this pair only.
 * A guard of a third region could otherwise open a database that this pair has fenced, or promote
 * on a lease that this pair extends (A1).
 */
export class Pairing {
  readonly #service: string;
  readonly #region: string;
  readonly #peer: Peer | null;
  readonly #memory: Memory;
  readonly #onEvent: (event: GuardEvent) => void;
  /** Code of the last refusal: the event is sent once, until the peer answers differently. */
  #refusedWith: string | null = null;

  constructor(options: {
    service: string;
    region: string;
    peer: Peer | null;
    memory: Memory;
    onEvent: (event: GuardEvent) => void;
  }) {
    this.#service = options.service;
    this.#region = options.region;
    this.#peer = options.peer;
    this.#memory = options.memory;
    this.#onEvent = options.onEvent;
  }

  /**
   * Returns the same commands, each of which refuses a scope other than this pair before it does
   * anything.
   */
  obeyed<Commands extends Calls<Commands>>(commands: Commands): Commands {
    return behind(commands, (command: Command, name) => {
      this.#mustBeOurs(command.scope);
      const { to } = command.scope;
      if (name === 'promote' && to !== this.#region) {
        throw this.#refused('other-regions', `the run goes to ${to}: it promotes nothing here`, {
          scope: command.scope,
        });
      }
      const { upstream } = command;
      if (upstream !== undefined && upstream !== this.#peer?.region) {
        throw this.#refused('other-regions', `it follows ${this.#peer?.region}, not ${upstream}`, {
          upstream,
        });
      }
    });
  }

  /** Returns the same answers, each of which refuses unless the peer's guard asks this one. */
  answered<Answers extends Calls<Answers>>(answers: Answers): Answers {
    return behind(answers, ({ pair }: { pair: Pair }) => {
      this.#mustBeOurs(pair);
      if (pair.to === this.#region) return;
      throw this.#refused('other-regions', `the question is for ${pair.to}'s guard`, { pair });
    });
  }

  /** Returns the other guard, asked in the name of this pair; `null` if there is none. */
  asked(): AskedPeer | null {
    const peer = this.#peer;
    if (peer === null) return null;
    const pair = { service: this.#service, from: this.#region, to: peer.region };
    return {
      region: peer.region,
      word: async (known) => {
        try {
          const word = await peer.word({ pair, known });
          await this.#remember(peer.region);
          this.#refusedWith = null;
          return word;
        } catch (error) {
          await this.#wasRefused(peer.region, error);
          throw error;
        }
      },
      renounce: ({ token, run }) => peer.renounce({ pair, token, run }),
      promise: (input) => peer.promise({ pair, ...input }),
      recordSync: (record) => peer.recordSync({ pair, record }),
    };
  }

  /**
   * The peer's guard has confirmed this guard as its peer, and has not answered otherwise since.
   */
  get confirmed(): boolean {
    return this.#peer !== null && this.#memory.current.pairedWith === this.#peer.region;
  }

  #mustBeOurs({ service, from, to }: Pair): void {
    const asked = { service, from, to };
    if (service !== this.#service) {
      throw this.#refused(
        'other-service',
        `it is the guard of service ${this.#service}, not of ${service}`,
        asked,
      );
    }
    if (this.#peer === null) {
      throw this.#refused('guard-without-peer', 'its configuration names no peer', asked);
    }
    const own = [this.#region, this.#peer.region];
    if (from !== to && own.includes(from) && own.includes(to)) return;
    throw this.#refused(
      'other-regions',
      `it works with ${this.#peer.region} alone, and this is about ${from} and ${to}`,
      asked,
    );
  }

  #refused(code: (typeof strangerCodes)[number], why: string, asked: object) {
    const own = {
      service: this.#service,
      region: this.#region,
      peer: this.#peer?.region ?? null,
    };
    return authorityErrors.make(code, `${this.#region}'s guard refuses: ${why}`, { own, asked });
  }

  async #wasRefused(peer: string, error: unknown): Promise<void> {
    const code = strangerCodes.find((one) => isThrowoverError(error, one));
    if (code === undefined || !(error instanceof Error)) return;
    await this.#remember(null);
    if (this.#refusedWith === code) return;
    this.#refusedWith = code;
    this.#onEvent({ type: 'peer-refuses', peer, code, why: error.message });
  }

  /**
   * Writes the confirmation down. If the disk is full, the guard still uses the peer's answer and
   * writes it down the next time.
   */
  async #remember(pairedWith: string | null): Promise<void> {
    if (this.#memory.current.pairedWith === pairedWith) return;
    try {
      await this.#memory.put({ pairedWith });
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
    }
  }
}

function behind<Named extends Calls<Named>, Input>(
  calls: Named,
  check: (input: Input, name: string) => void,
): Named {
  const named = Object.entries<(input: never) => Promise<unknown>>(calls);
  const checked = named.map(([name, call]) => [
    name,
    async (input: never) => {
      check(input as Input, name);
      return call(input);
    },
  ]);
  return Object.fromEntries(checked) as Named;
}
