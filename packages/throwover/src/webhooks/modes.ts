import type { Dispatcher } from './dispatcher.ts';
import { webhookErrors } from './errors.ts';
import type { EventJournal, SavedMode } from './journal.ts';
import type { GatewayMode, LossWindow } from './wire.ts';

/**
 * The gateway's mode as last commanded, kept on disk.
 *
 * Commands are carried out one at a time. A command with an older epoch or token than any seen
 * before is refused, so that a controller that lost its run cannot turn deliveries back (A1). A new
 * mode is on disk before it has an effect; deliveries to the old target end before those to the new
 * one begin.
 */
export class Modes {
  readonly #journal: EventJournal;
  readonly #dispatcher: Dispatcher;
  #saved: SavedMode;
  #closed = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: { journal: EventJournal; dispatcher: Dispatcher; initial: GatewayMode }) {
    this.#journal = options.journal;
    this.#dispatcher = options.dispatcher;
    this.#saved = options.journal.savedMode() ?? { mode: options.initial, token: 0 };
  }

  /** Starts to do what the last command said. */
  start(): void {
    const { mode } = this.#saved;
    if (mode.mode === 'hold') return;
    this.#dispatcher.start({ region: mode.region, epoch: mode.epoch, url: mode.url });
  }

  /**
   * Ends deliveries without a command; the next process resumes them. Later commands are refused.
   */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue;
    await this.#dispatcher.stop();
  }

  get current(): SavedMode {
    return this.#saved;
  }

  set(mode: GatewayMode, token: number): Promise<void> {
    return this.#inTurn(() => this.#set(mode, token));
  }

  /**
   * Delivers the delivered events of the window again and returns their number. Refused with an
   * older token; a newer one counts as seen from then on.
   */
  redeliver(window: LossWindow, token: number): Promise<number> {
    return this.#inTurn(async () => {
      const seen = this.#saved;
      if (token < seen.token) {
        throw webhookErrors.make(
          'gateway-refused',
          `a redelivery with token ${token} comes after token ${seen.token}`,
          { asked: { window, token }, seen },
        );
      }
      if (token > seen.token) {
        await this.#journal.saveMode({ mode: seen.mode, token });
        this.#saved = { mode: seen.mode, token };
      }
      const { events, again } = await this.#journal.redeliver(window);
      this.#dispatcher.again(again);
      return events;
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #set(mode: GatewayMode, token: number): Promise<void> {
    if (this.#closed) throw webhookErrors.make('gateway-closing', 'the gateway ends');
    const seen = this.#saved;
    if (token < seen.token || mode.epoch < seen.mode.epoch || isLateHold(mode, token, seen)) {
      throw webhookErrors.make(
        'gateway-refused',
        `epoch ${mode.epoch} with token ${token} comes after epoch ${seen.mode.epoch} with token ${seen.token}`,
        { asked: { mode, token }, seen },
      );
    }
    const same = JSON.stringify(ordered(mode)) === JSON.stringify(ordered(seen.mode));
    if (same && token === seen.token) return;
    try {
      await this.#journal.saveMode({ mode, token });
    } catch (error) {
      // The mode cannot be written, and neither can outcomes: deliveries stop.
      await this.#dispatcher.stop();
      throw error;
    }
    this.#saved = { mode, token };
    if (same) return;
    await this.#dispatcher.stop();
    if (!this.#closed) this.start();
  }
}

/**
 * A controller sends `hold` first and `deliver` afterwards. A hold with the same token that arrives
 * after its delivery is a late copy, and no command would take it back.
 */
function isLateHold(mode: GatewayMode, token: number, seen: SavedMode): boolean {
  return mode.mode === 'hold' && seen.mode.mode === 'deliver' && token === seen.token && token > 0;
}

const ordered = (mode: GatewayMode) => Object.entries(mode).sort(([a], [b]) => (a < b ? -1 : 1));
