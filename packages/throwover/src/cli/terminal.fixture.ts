import { PassThrough, Writable } from 'node:stream';
import { seededRandom, systemClock } from '../kernel/kernel.ts';
import type { ExitCode } from './exit-codes.ts';
import { main } from './main.ts';
import type { TextStream } from './terminal.ts';

/** A command line in this process: its output, and scripted hands that type and press Ctrl-C. */
export interface Running {
  readonly code: Promise<ExitCode>;
  stdout(): string;
  stderr(): string;
  type(line: string): void;
  endInput(): void;
  interrupt(): void;
}

export function start(argv: readonly string[], options: { isTTY?: boolean } = {}): Running {
  const stdout = collector(options.isTTY === true);
  const stderr = collector(false);
  const stdin = new PassThrough();
  const listeners = new Set<(signal: 'interrupt' | 'terminate') => void>();
  const code = main({
    argv,
    env: { PATH: process.env['PATH'] },
    stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    clock: systemClock,
    random: seededRandom(1),
    onSignal: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  return {
    code,
    stdout: stdout.text,
    stderr: stderr.text,
    type: (line) => stdin.write(`${line}\n`),
    endInput: () => stdin.end(),
    interrupt: () => {
      for (const listener of listeners) listener('interrupt');
    },
  };
}

/** Runs a command to its end. */
export async function run(...argv: readonly string[]) {
  const running = start(argv);
  running.endInput();
  const code = await running.code;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

/** Runs a command with --json and returns the object on the last line. */
export async function runJson(...argv: readonly string[]) {
  const { code, stdout, stderr } = await run(...argv, '--json');
  const lines = stdout.trimEnd().split('\n');
  return { code, lines: lines.length, json: JSON.parse(lines.at(-1) ?? ''), stderr };
}

function collector(isTTY: boolean): { stream: TextStream; text(): string } {
  let kept = '';
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      kept += chunk.toString();
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 80 }), text: () => kept };
}
