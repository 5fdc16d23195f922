import { PassThrough, Writable } from 'node:stream';
import { type Clock, seededRandom } from '../kernel/kernel.ts';
import type { Terminal } from './terminal.ts';

/** One scripted action: when this text is on the screen, type that, after a delay. */
export interface Hand {
  readonly when: RegExp;
  /** Null: the input ends. */
  readonly type: string | null;
  readonly afterMs?: number;
  readonly also?: () => void | Promise<void>;
}

/** A terminal on a given clock, with a script that types; it reacts only to new text. */
export function handsOn(clock: Clock, script: readonly Hand[]) {
  const stdin = new PassThrough();
  const rest = [...script];
  const interrupts = new Set<(signal: 'interrupt' | 'terminate') => void>();
  let all = '';
  let unread = '';
  const react = () => {
    const [hand] = rest;
    const found = hand?.when.exec(unread);
    if (hand === undefined || found == null) return;
    rest.shift();
    unread = unread.slice(found.index + found[0].length);
    void clock.sleep(hand.afterMs ?? 2_000).then(async () => {
      await hand.also?.();
      if (hand.type === null) stdin.end();
      else if (hand.type !== '') stdin.write(`${hand.type}\n`);
      react();
    });
  };
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      all += chunk.toString();
      unread += chunk.toString();
      react();
      done();
    },
  });
  const stdout = Object.assign(stream, { isTTY: false, columns: 80 });
  const terminal: Terminal = {
    ...{ argv: [], env: {}, stdin, stdout, stderr: stdout, clock, random: seededRandom(1) },
    onSignal: (listener) => {
      interrupts.add(listener);
      return () => interrupts.delete(listener);
    },
  };
  return {
    terminal,
    text: () => all,
    /** Texts that never appeared on the screen. */
    left: () => rest.map(({ when }) => String(when)),
    interrupt: () => {
      for (const listener of interrupts) listener('interrupt');
    },
  };
}
