import type { Readable, Writable } from 'node:stream';
import { type Clock, isThrowoverError, type Random } from '../kernel/kernel.ts';
import { printable, printableJson } from './text/printable.ts';

/**
 * Everything that the command line reads and writes. It is passed in, so that tests can use their
 * own.
 */
export interface Terminal {
  /** Without the program's name: `['plan', 'switchover', '--to', 'west']`. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Calls `listener` on Ctrl-C (`interrupt`) and on SIGTERM (`terminate`); returns a function that
   * stops listening.
   */
  onSignal(listener: (signal: 'interrupt' | 'terminate') => void): () => void;
}

/** A stream that may be a terminal. */
export type TextStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** How a command answers: text for people, or one JSON object on the last line of stdout. */
export interface Output {
  readonly json: boolean;
  /** Shown to people only; nothing with --json. */
  say(text: string): void;
  /** The answer: the object with --json, otherwise the text. */
  result(value: unknown, text: string): void;
  /** An event as it happens: a line of JSON on stderr with --json, otherwise nothing. */
  event(value: unknown): void;
}

export function outputOf({ stdout, stderr }: Terminal, json: boolean): Output {
  const line = (stream: Writable, text: string) => {
    stream.write(text.endsWith('\n') ? text : `${text}\n`);
  };
  return {
    json,
    say: (text) => {
      if (!json) line(stdout, printable(text));
    },
    result: (value, text) => line(stdout, json ? printableJson(value) : printable(text)),
    event: (value) => {
      if (json) line(stderr, printableJson(value));
    },
  };
}

/** Returns the error as one object, also for a bug or a failure of the machine. */
export function errorJson(error: unknown): unknown {
  if (isThrowoverError(error)) return { error: error.toJSON() };
  const message = error instanceof Error ? error.message : String(error);
  return { error: { code: 'bug', message } };
}
