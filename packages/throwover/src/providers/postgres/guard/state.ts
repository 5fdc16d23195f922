import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { postgresErrors } from '../errors.ts';

const stateSchema = z.strictObject({
  /** Highest fencing token that a command has carried. */
  token: z.number(),
  /** True once a fence was proved; a line in pg_hba.conf alone proves nothing. */
  fenced: z.boolean(),
  /** A command stopped the database: the guard does not start it again by itself. */
  stopped: z.boolean(),
  /** How this side became a standby, or is about to (`proved: false`). */
  attachment: z
    .strictObject({
      epoch: z.number(),
      way: z.enum(['already', 'as-is', 'rewind', 'copy']),
      bytesCopied: z.number(),
      proved: z.boolean(),
    })
    .nullable(),
});
type State = z.infer<typeof stateSchema>;

/** What the guard must not forget, in one small file that is fsynced before a command goes on. */
export class GuardState {
  readonly #dir: string;
  #state: State;

  private constructor(dir: string, state: State) {
    this.#dir = dir;
    this.#state = state;
  }

  static async load(dir: string): Promise<GuardState> {
    await mkdir(dir, { recursive: true, mode: 0o755 });
    const text = await readFile(join(dir, 'guard.json'), 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    const empty: State = { token: 0, fenced: false, stopped: false, attachment: null };
    return new GuardState(dir, text === null ? empty : stateSchema.parse(JSON.parse(text)));
  }

  get current(): Readonly<State> {
    return this.#state;
  }

  /** Refuses a token lower than the highest seen; remembers a higher one before anything is done with it. */
  async admit(token: number): Promise<void> {
    if (token < this.#state.token) {
      throw postgresErrors.make(
        'token-too-old',
        `token ${token} is older than ${this.#state.token}, which this database has seen`,
        { token, seen: this.#state.token },
      );
    }
    if (token > this.#state.token) await this.change({ token });
  }

  async change(part: Partial<State>): Promise<void> {
    const next = { ...this.#state, ...part };
    const file = join(this.#dir, 'guard.json');
    await writeDurably(`${file}.new`, JSON.stringify(next));
    await rename(`${file}.new`, file);
    await syncDirectory(this.#dir);
    this.#state = next;
  }
}

export async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A rename survives a power cut only once its directory is on disk. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
