import { chmod, chown, open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from './state.ts';

const begin = '# throwover fence: begin (closed by `throwover guard`; do not edit)';
const end = '# throwover fence: end';

/** Without a line break at the end. */
export const fenceLines = (roles: readonly string[]): readonly string[] => [
  begin,
  ...roles.flatMap((role) => [`local all "${role}" reject`, `host all "${role}" all reject`]),
  end,
];

/** How many lines a fence of these roles has. */
export const linesOf = (roles: readonly string[]): number => roles.length * 2;

/**
 * The fence's lines stand at the top of pg_hba.conf, where the first line that matches decides.
 * The file is not replicated, so closing the old primary leaves its standby open.
 */
export class HostBasedAccess {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** In force after a reload; on disk, so that a restart keeps it, after `sync`. */
  async close(roles: readonly string[]): Promise<void> {
    const open = withoutFence(await readFile(this.#file, 'utf8'));
    await this.#replace([...fenceLines(roles), open].join('\n'));
  }

  async sync(): Promise<void> {
    const handle = await open(this.#file, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncDirectory(dirname(this.#file));
  }

  /** True when there was a fence to take away. */
  async open(): Promise<boolean> {
    const text = await readFile(this.#file, 'utf8');
    const open = withoutFence(text);
    if (open === text) return false;
    await this.#replace(open);
    return true;
  }

  /** By a rename, so that PostgreSQL never reads half a file; owner and mode stay. */
  async #replace(text: string): Promise<void> {
    const { uid, gid, mode } = await stat(this.#file);
    const next = `${this.#file}.new`;
    await writeFile(next, text, { mode });
    await chown(next, uid, gid);
    await chmod(next, mode);
    await rename(next, this.#file);
  }
}

function withoutFence(text: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(`${end}\n`);
  return from === -1 || to === -1 ? text : text.slice(0, from) + text.slice(to + end.length + 1);
}
