import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { labEnv } from '../world/child.ts';

/** One box of a printed runbook, as described by its first line. */
export interface Box {
  readonly part: string;
  readonly step: string | null;
  /** Region on whose machine it is typed; `null`: anywhere. */
  readonly on: string | null;
  readonly shows: string | null;
  readonly asks: string | null;
  readonly commands: string;
}

/** Returns the boxes of the printed runbook, in order. */
export function boxesOf(markdown: string): readonly Box[] {
  return [...markdown.matchAll(/^```sh (.*)\n([\s\S]*?)\n```$/gm)].map(([, words = '', text]) => {
    const given = new Map(words.split(' ').map((word) => word.split('=', 2) as [string, string]));
    const word = (name: string) => given.get(name) ?? null;
    return {
      part: word('part') ?? '',
      step: word('step'),
      on: word('on'),
      shows: word('shows'),
      asks: word('asks'),
      commands: text ?? '',
    };
  });
}

export interface Typed {
  readonly box: Box;
  readonly exitCode: number | null;
  readonly output: string;
}

/** A person with a shell and a notebook, without throwover. */
export class Follower {
  readonly #notes = new Map<string, string>();
  readonly typed: Typed[] = [];

  /** Types the boxes one after another; stops at the first that does not work. */
  async follow(boxes: readonly Box[]): Promise<void> {
    for (const box of boxes) {
      const { exitCode, output } = await this.type(box);
      if (exitCode === 0) continue;
      throw new Error(`${box.part} ${box.step ?? ''} (${exitCode}):\n${box.commands}\n${output}`);
    }
  }

  async type(box: Box): Promise<Typed> {
    const shell = spawn('bash', ['-c', box.commands], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...labEnv, AWS_DEFAULT_REGION: 'us-east-1', AWS_PAGER: '' },
      cwd: '/',
    });
    let output = '';
    let shown = '';
    shell.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      output += chunk.toString();
    });
    shell.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    shell.stdin.on('error', () => {});
    shell.stdin.end(box.asks === null ? '' : `${this.#notes.get(box.asks) ?? ''}\n`);
    const [exitCode] = (await once(shell, 'exit')) as [number | null];
    if (box.shows !== null) this.#notes.set(box.shows, shown.trim().split('\n').at(-1) ?? '');
    const typed = { box, exitCode, output };
    this.typed.push(typed);
    return typed;
  }
}
