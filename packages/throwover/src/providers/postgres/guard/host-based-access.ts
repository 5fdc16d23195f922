import { chmod, chown, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncPath } from '../../../kernel/kernel.ts';

const begin = '# throwover fence: begin (closed by `throwover guard`; do not edit)';
const end = '# throwover fence: end';
const aside = '# throwover: PostgreSQL could not read this line: ';

/** The lines of a fence, without a line break at the end. */
export const fenceLines = (roles: readonly string[]): readonly string[] => [
  begin,
  ...roles.flatMap((role) => [`local all "${role}" reject`, `host all "${role}" all reject`]),
  end,
];

/** Returns the number of rules in a fence of these roles. */
export const linesOf = (roles: readonly string[]): number => roles.length * 2;

/**
 * Writes the fence's lines to the top of pg_hba.conf, where the first matching line decides. The
 * file is not replicated, so closing the old primary leaves its standby open. Other tools write the
 * file too, so every rest of a fence anywhere in it is removed before the lines are put at its top.
 */
export class HostBasedAccess {
  readonly #whereIs: () => Promise<string>;

  constructor(whereIs: () => Promise<string>) {
    this.#whereIs = whereIs;
  }

  /** Returns another text if somebody has written the file, replaced it, or made it a link. */
  async version(): Promise<string> {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(await this.#whereIs(), {
      bigint: true,
    });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  }

  /** In force after a reload; survives a restart after `sync`. */
  async close(roles: readonly string[]): Promise<void> {
    const file = await this.#whereIs();
    const open = withoutFence(await readFile(file, 'utf8'));
    await replace(file, [...fenceLines(roles), open].join('\n'));
  }

  /**
   * Turns lines that PostgreSQL cannot read into comments: otherwise it does not load any change.
   */
  async putAside(broken: readonly { readonly file: string | null; readonly line: number }[]) {
    const path = await this.#whereIs();
    const here = await realpath(path);
    const own = await Promise.all(
      broken.map(async ({ file, line }) =>
        file === null || (await realpath(file).catch(() => file)) === here ? [line] : [],
      ),
    );
    const lines = (await readFile(path, 'utf8')).split('\n');
    for (const number of own.flat()) {
      const text = lines[number - 1];
      if (text !== undefined) lines[number - 1] = `${aside}${text}`;
    }
    await replace(path, lines.join('\n'));
  }

  async sync(): Promise<void> {
    const file = await realpath(await this.#whereIs());
    await syncPath(file);
    await syncPath(dirname(file));
  }

  /** Returns true if there was a fence to remove. */
  async open(): Promise<boolean> {
    const file = await this.#whereIs();
    const text = await readFile(file, 'utf8');
    const open = withoutFence(text);
    if (open === text) return false;
    await replace(file, open);
    return true;
  }
}

/**
 * Replaces the file by a rename, so that PostgreSQL never reads half a file; owner, mode and a link
 * to it stay.
 */
async function replace(file: string, text: string): Promise<void> {
  const target = await realpath(file);
  try {
    await replaceFile(target, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const readOnly = code === 'EROFS' || code === 'EACCES' || code === 'EPERM';
    if (!readOnly || target === file) throw error;
    // The link points to a read-only place, as containers mount their configuration: closing is
    // more important than keeping the link.
    await replaceFile(file, text);
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const { uid, gid, mode } = await stat(file);
  const next = `${file}.new`;
  await writeFile(next, text, { mode });
  await chown(next, uid, gid);
  await chmod(next, mode);
  await rename(next, file);
}

/** Also removes a fence that was cut off, copied, or given other line ends by another tool. */
function withoutFence(text: string): string {
  let within = false;
  return text
    .split('\n')
    .filter((raw) => {
      const line = raw.trim();
      if (line === begin) {
        within = true;
        return false;
      }
      if (!within) return true;
      if (line === end) within = false;
      else if (isFenceLine(line)) return false;
      else {
        within = false;
        return true;
      }
      return false;
    })
    .join('\n');
}

function isFenceLine(line: string): boolean {
  return /^(local all "[^"]+" reject|host all "[^"]+" all reject)$/.test(line);
}
