import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import type { RequestRecord } from 'throwover';
import { labErrors } from '../errors.ts';

/**
 * Number of records that are written at once; at 60 a second, a crash of the clients loses about
 * one second.
 */
const batchLines = 64;

export type Counts = Recorder['counts'];

/** Writes every record to a file, one JSON object per line. */
export class Recorder {
  readonly #file: WriteStream;
  readonly #path: string;
  #lines: string[] = [];
  #error: Error | null = null;
  readonly #counts = { requests: 0, ok: 0, stale: 0, failed: 0 };

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.#path = path;
    this.#file = createWriteStream(path);
    this.#file.on('error', (error) => {
      this.#error = error;
    });
  }

  get counts() {
    return { ...this.#counts };
  }

  /** Adds a record; additional fields are written unchanged. */
  add(record: RequestRecord): void {
    this.#counts.requests += 1;
    this.#counts[record.stale ? 'stale' : record.ok ? 'ok' : 'failed'] += 1;
    this.#lines.push(JSON.stringify(record));
    if (this.#lines.length >= batchLines) this.#write();
  }

  /** Resolves when every record is with the file system; rejects when a write failed. */
  async close(): Promise<void> {
    this.#write();
    await new Promise<void>((resolve) => {
      if (this.#error !== null) resolve();
      else this.#file.once('close', resolve).end();
    });
    if (this.#error !== null) {
      const message = `the clients' records are not complete: ${this.#error.message}`;
      throw labErrors.make('lab-disk', message, { path: this.#path }, this.#error);
    }
  }

  #write(): void {
    if (this.#lines.length === 0) return;
    const text = `${this.#lines.join('\n')}\n`;
    this.#lines = [];
    if (this.#error === null) this.#file.write(text);
  }
}
