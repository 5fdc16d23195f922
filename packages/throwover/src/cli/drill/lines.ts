import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/**
 * The typed lines of a whole drill. A prompt takes the next line; a line typed while no prompt
 * waits goes to `idle`. A line typed before a prompt appears is not its answer, because the person
 * has not read the prompt yet.
 */
export class Lines {
  readonly #reader: ReturnType<typeof createInterface>;
  #waiting: ((line: string | null) => void) | null = null;
  #ended = false;
  #idle: (line: string) => void = () => {};

  constructor(input: Readable) {
    this.#reader = createInterface({ input });
    this.#reader.on('line', (line) => {
      const waiting = this.#waiting;
      this.#waiting = null;
      if (waiting === null) this.#idle(line.trim());
      else waiting(line.trim());
    });
    this.#reader.once('close', () => {
      this.#ended = true;
      this.#waiting?.(null);
      this.#waiting = null;
    });
  }

  /** Sets the listener for lines that are typed while no prompt waits. */
  whileIdle(listener: (line: string) => void): void {
    this.#idle = listener;
  }

  /** Returns the next line; null when the input has ended, or the signal is aborted first. */
  next(signal: AbortSignal): Promise<string | null> {
    if (this.#ended || signal.aborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      const onAbort = () => {
        this.#waiting = null;
        resolve(null);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting = (line) => {
        signal.removeEventListener('abort', onAbort);
        resolve(line);
      };
    });
  }

  close(): void {
    this.#reader.close();
  }
}
