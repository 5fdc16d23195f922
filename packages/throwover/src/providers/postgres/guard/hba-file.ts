import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { replaceDurably, textOrNull } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import type { DoorParts } from './door.ts';
import { isThere } from './files.ts';

const run = promisify(execFile);

/** Longest time for PostgreSQL to print one of its settings, ms: it reads one file. */
const settingsTimeoutMs = 5_000;

/**
 * Finds the file of PostgreSQL's rules of host-based access. A running server is asked, because
 * Debian keeps the file outside the data directory, and a configured path can be out of date. The
 * answer is stored on disk for the time when the server is down, because a side must be closed
 * before it starts.
 */
export class HbaFile {
  readonly #parts: Pick<DoorParts, 'config' | 'postmaster' | 'watch'>;
  /** The answer of the server with this process id: the setting changes only with a restart. */
  #asked: { readonly pid: number; readonly file: string } | null = null;

  constructor(parts: Pick<DoorParts, 'config' | 'postmaster' | 'watch'>) {
    this.#parts = parts;
  }

  /**
   * Returns the absolute path. Errors: `database-unreachable` for a running server,
   * `hba-file-missing` for a stopped one.
   */
  async path(): Promise<string> {
    const pid = this.#parts.postmaster.pid();
    if (pid === null) return this.#whileDown();
    if (this.#asked?.pid === pid) return this.#asked.file;
    const { file } = await this.#parts.watch.row<{ file: string }>(
      `SELECT current_setting('hba_file') AS file`,
    );
    await this.#remember(file);
    this.#asked = { pid, file };
    return file;
  }

  /**
   * Returns the first existing file of these: if the guard starts the server, the one that it would
   * use; otherwise the last answer of the running server.
   */
  async #whileDown(): Promise<string> {
    const { region, postgres } = this.#parts.config;
    const { startDatabase, hbaFile: configured, dataDir } = postgres;
    const [said, settings] = await Promise.all([this.#said(), this.#inItsSettings()]);
    const candidates = [
      ...(startDatabase ? [configured, settings, said] : [said, settings, configured]),
      join(dataDir, 'pg_hba.conf'),
    ].filter((file) => typeof file === 'string');
    for (const file of candidates) {
      if (await isThere(file)) return file;
    }
    const looked = [...new Set(candidates)];
    throw postgresErrors.make(
      'hba-file-missing',
      `${region}'s PostgreSQL does not run, and its pg_hba.conf is not at ${looked.join(', nor at ')}`,
      { looked },
    );
  }

  /**
   * Returns the setting that PostgreSQL reads from its configuration file; `null`: there is no such
   * file where the guard would start it.
   */
  #inItsSettings(): Promise<string | null> {
    const { pgBin, dataDir, runAs } = this.#parts.config.postgres;
    return run(join(pgBin, 'postgres'), ['-C', 'hba_file', '-D', dataDir], {
      cwd: '/',
      timeout: settingsTimeoutMs,
      ...(runAs ?? {}),
    }).then(
      ({ stdout }) => stdout.trim() || null,
      () => null,
    );
  }

  get #memo(): string {
    return join(this.#parts.config.stateDir, 'hba-file');
  }

  #said(): Promise<string | null> {
    return textOrNull(this.#memo);
  }

  async #remember(file: string): Promise<void> {
    if ((await this.#said()) === file) return;
    await mkdir(this.#parts.config.stateDir, { recursive: true, mode: 0o755 });
    await replaceDurably(this.#memo, file);
  }
}
