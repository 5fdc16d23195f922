import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/**
 * What is typed during a whole drill, line by line. A prompt takes the next line; a line that nobody waits
 * for goes to `idle`. Lines that were typed ahead of a prompt are not its answer: it was not read yet.
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

  /** What happens with lines while no prompt waits. */
  whileIdle(listener: (line: string) => void): void {
    this.#idle = listener;
  }

  /** The next line; null when the input has ended, or the signal is aborted first. */
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
