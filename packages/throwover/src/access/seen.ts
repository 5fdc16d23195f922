import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqliteCodeOf, sqliteCodes, syncPath } from '../kernel/kernel.ts';
import { openPrivately } from '../kernel/private-database.ts';
import { accessErrors } from './errors.ts';
import type { Accepted, Newest } from './judge.ts';
import { formatName } from './names.ts';

/**
 * What the processes that share a file have seen of certificates: the newest ones of each name, and
 * every revocation that they ever learned. A later list that leaves a revocation out takes nothing
 * back.
 *
 * A database of SQLite that only grows, so that the order in which processes write does not matter.
 * Judging reads the copy in memory; each `settle` reads what other processes have added. A damaged
 * file does not stop the process, because a healthy database would close for it: the file is kept
 * as `FILE.damaged`, the rows of it that can be read count, also after a restart, and `problems`
 * tells of it until a person has removed that file.
 */
export interface Seen {
  /** The newest certificate seen for this name, without those that are revoked. */
  newestOf(name: string): Newest | null;
  isRevoked(issuer: string, serial: string): boolean;
  /** Remembers the certificate at once; on disk when it resolves. Never rejects. */
  note(accepted: Accepted): Promise<void>;
  /** Remembers revocations at once; on disk when it resolves. Never rejects. */
  learn(issuer: string, serials: Iterable<string>): Promise<void>;
  /** Reads what other processes have written; writes again what could not be written. Never rejects. */
  settle(): Promise<void>;
  problems(): readonly SeenProblem[];
}

export interface SeenProblem {
  readonly code: 'memory-damaged' | 'memory-lost' | 'memory-not-written' | 'memory-full';
  readonly said: string;
}

interface SeenCertificate extends Newest {
  readonly name: string;
  readonly issuer: string;
}

/** Only names that an authority of ours has signed get in: far more than machines of one service. */
const maxNames = 4_096;
/** If the newest one is revoked, the one before counts. */
const maxOfName = 4;
/** Two times what one list may hold. */
const maxRevocations = 20_000;
/** An hour, at one look each 10 s. */
const lostLooks = 360;
/** A write of another process takes a few ms. The process does nothing else meanwhile. */
const busyMs = 250;
const startBusyMs = 5_000;

const schema = `
  CREATE TABLE certificates (
    name TEXT NOT NULL, not_before_ms INTEGER NOT NULL, issuer TEXT NOT NULL, serial TEXT NOT NULL,
    PRIMARY KEY (name, issuer, serial)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE revocations (
    issuer TEXT NOT NULL, serial TEXT NOT NULL, PRIMARY KEY (issuer, serial)
  ) STRICT, WITHOUT ROWID;`;

/** Throws `certificate-memory-unreadable` if the file is there and cannot be opened. */
export async function openSeen(file: string): Promise<Seen> {
  const memory = new Memory(file);
  memory.open();
  let saving: Promise<void> | null = null;
  /** Not in the turn of the judgement that has found something new. */
  const save = (): Promise<void> => {
    saving ??= new Promise((resolve) => {
      setImmediate(() => {
        saving = null;
        memory.sync();
        resolve();
      });
    });
    return saving;
  };
  return {
    newestOf: (name) => memory.newestOf(name),
    isRevoked: (issuer, serial) => memory.isRevoked(issuer, serial),
    note: async ({ state, name, issuer, certificate: { notBeforeMs, serial } }) => {
      if (state === 'not-yet-valid') return;
      if (memory.add({ name: formatName(name), notBeforeMs, issuer, serial })) await save();
    },
    learn: async (issuer, serials) => {
      let added = false;
      for (const serial of serials) added = memory.addRevocation(issuer, serial) || added;
      if (added) await save();
    },
    settle: async () => memory.look(),
    problems: () => memory.problems(),
  };
}

/** Which file it is, and SQLite's count of its changes. */
interface Stamp {
  readonly inode: number;
  readonly changes: number;
}

class Memory {
  readonly #file: string;
  readonly #names = new Map<string, readonly SeenCertificate[]>();
  readonly #revoked = new Map<string, Set<string>>();
  #count = 0;
  #full = false;
  #unsaved: { certificates: SeenCertificate[]; revocations: (readonly [string, string])[] } = {
    certificates: [],
    revocations: [],
  };
  #read: Stamp | null = null;
  #damaged: readonly string[] = [];
  #notWritten: string | null = null;
  #lostLooks = 0;

  constructor(file: string) {
    this.#file = file;
  }

  newestOf(name: string): Newest | null {
    const known = this.#names.get(name) ?? [];
    return known.find(({ issuer, serial }) => !this.isRevoked(issuer, serial)) ?? null;
  }

  isRevoked(issuer: string, serial: string): boolean {
    return this.#revoked.get(issuer)?.has(serial) === true;
  }

  /** Returns whether it is new. */
  add(one: SeenCertificate): boolean {
    const added = this.#put(one);
    if (added) this.#unsaved.certificates.push(one);
    return added;
  }

  addRevocation(issuer: string, serial: string): boolean {
    const added = this.#putRevocation(issuer, serial);
    if (added) this.#unsaved.revocations.push([issuer, serial]);
    return added;
  }

  open(): void {
    this.#damaged = asidesOf(this.#file).filter((aside) => existsSync(aside));
    for (const aside of this.#damaged) this.#salvage(aside);
    // What was read there is not in the new file yet if the process was killed in between.
    this.#saveAll();
    this.#sync(startBusyMs, (error) => {
      if (!existsSync(this.#file)) return;
      const { message } = error as Error;
      throw accessErrors.make(
        'certificate-memory-unreadable',
        `${this.#file}: ${message}`,
        { file: this.#file },
        error,
      );
    });
  }

  look(): void {
    this.#lostLooks = Math.max(0, this.#lostLooks - 1);
    this.sync();
    this.#damaged = asidesOf(this.#file).filter((aside) => existsSync(aside));
  }

  /** Reads what is new in the file, and writes what is not there. */
  sync(): void {
    this.#sync(busyMs, () => {});
  }

  problems(): readonly SeenProblem[] {
    const problem = (code: SeenProblem['code'], said: string) => ({ code, said });
    return [
      ...(this.#damaged.length > 0
        ? [
            problem(
              'memory-damaged',
              `a part of ${this.#file} could not be read: revocations of before may be missing. The damaged file is ${this.#damaged.join(', ')}; put the newest list of revocations in place, then remove it`,
            ),
          ]
        : []),
      ...(this.#lostLooks > 0
        ? [
            problem(
              'memory-lost',
              `somebody has removed or replaced ${this.#file}. This process has written again what it knows. Put the newest list of revocations in place`,
            ),
          ]
        : []),
      ...(this.#notWritten === null
        ? []
        : [problem('memory-not-written', `${this.#file}: ${this.#notWritten}`)]),
      ...(this.#full
        ? [
            problem(
              'memory-full',
              `${this.#file} holds ${this.#names.size} names and ${this.#count} revocations; more are not kept`,
            ),
          ]
        : []),
    ];
  }

  #sync(waitMs: number, failed: (error: unknown) => void): void {
    try {
      try {
        this.#exchange(waitMs);
      } catch (error) {
        if (!tellsDamage(error)) throw error;
        this.#salvage(setAside(this.#file));
        this.#damaged = asidesOf(this.#file).filter((aside) => existsSync(aside));
        this.#read = null;
        this.#saveAll();
        this.#exchange(waitMs);
      }
      this.#notWritten = null;
    } catch (error) {
      this.#notWritten = error instanceof Error ? error.message : String(error);
      failed(error);
    }
  }

  #exchange(waitMs: number): void {
    let stamp = stampOf(this.#file);
    if (this.#read !== null && stamp?.inode !== this.#read.inode) {
      this.#lostLooks = lostLooks;
      this.#read = null;
      this.#saveAll();
    }
    if (stamp === null) {
      create(this.#file);
      stamp = stampOf(this.#file);
    }
    const { certificates, revocations } = this.#unsaved;
    const unsaved = certificates.length + revocations.length > 0;
    if (!unsaved && stamp?.changes === this.#read?.changes) return;
    const db = openPrivately(this.#file);
    try {
      db.exec(`PRAGMA busy_timeout = ${waitMs}`);
      db.exec(unsaved ? 'BEGIN IMMEDIATE' : 'BEGIN');
      this.#readAll(db);
      refuseDamage(db, this.#file);
      if (unsaved) this.#write(db);
      db.exec('COMMIT');
      this.#unsaved = { certificates: [], revocations: [] };
      // As it was before it was read: the next look reads again what was written meanwhile.
      this.#read = stamp;
    } finally {
      db.close();
    }
  }

  #write(db: DatabaseSync): void {
    const { certificates, revocations } = this.#unsaved;
    const revocation = db.prepare('INSERT OR IGNORE INTO revocations VALUES (?, ?)');
    for (const [issuer, serial] of revocations) revocation.run(issuer, serial);
    const certificate = db.prepare('INSERT OR IGNORE INTO certificates VALUES (?, ?, ?, ?)');
    const older = db.prepare(
      `DELETE FROM certificates WHERE name = ?1 AND not_before_ms < (
         SELECT min(not_before_ms) FROM (SELECT not_before_ms FROM certificates WHERE name = ?1
           ORDER BY not_before_ms DESC LIMIT ${maxOfName}))`,
    );
    for (const { name, notBeforeMs, issuer, serial } of certificates) {
      certificate.run(name, notBeforeMs, issuer, serial);
      older.run(name);
    }
  }

  #saveAll(): void {
    this.#unsaved = {
      certificates: [...this.#names.values()].flat(),
      revocations: [...this.#revoked].flatMap(([issuer, serials]) =>
        [...serials].map((serial) => [issuer, serial] as const),
      ),
    };
  }

  /** Reads as many rows as can be read; throws afterwards if these are not all. */
  #readAll(db: DatabaseSync): void {
    const errors: unknown[] = [];
    const each = (sql: string, act: (row: Record<string, unknown>) => void) => {
      try {
        for (const row of db.prepare(sql).iterate()) act(row);
      } catch (error) {
        errors.push(error);
      }
    };
    each('SELECT issuer, serial FROM revocations', ({ issuer, serial }) => {
      this.#putRevocation(String(issuer), String(serial));
    });
    each('SELECT name, not_before_ms, issuer, serial FROM certificates', (row) => {
      const [name, issuer, serial] = [String(row['name']), String(row['issuer']), row['serial']];
      const notBeforeMs = Number(row['not_before_ms']);
      this.#put({ name, issuer, serial: String(serial), notBeforeMs });
    });
    if (errors.length > 0) throw errors[0];
  }

  #salvage(aside: string): void {
    try {
      const db = new DatabaseSync(aside, { readOnly: true, defensive: false });
      try {
        // Without this SQLite reads nothing of a file that is too short.
        db.exec('PRAGMA writable_schema = ON');
        this.#readAll(db);
      } finally {
        db.close();
      }
    } catch {
      // It is damaged; `problems` tells so.
    }
  }

  #put(one: SeenCertificate): boolean {
    const { name, issuer, serial } = one;
    const known = this.#names.get(name) ?? [];
    if (known.some((other) => other.serial === serial && other.issuer === issuer)) return false;
    if (known.length === 0 && this.#names.size >= maxNames) {
      this.#full = true;
      return false;
    }
    const newest = [...known, one]
      .sort((a, b) => b.notBeforeMs - a.notBeforeMs)
      .slice(0, maxOfName);
    this.#names.set(name, newest);
    return newest.includes(one);
  }

  #putRevocation(issuer: string, serial: string): boolean {
    const known = this.#revoked.get(issuer) ?? new Set();
    if (known.has(serial)) return false;
    if (this.#count >= maxRevocations) {
      this.#full = true;
      return false;
    }
    this.#revoked.set(issuer, known.add(serial));
    this.#count += 1;
    return true;
  }
}

/** Offset of SQLite's change counter in its file. */
const changesAt = 24;

/** Returns `null` if there is no such file. */
function stampOf(file: string): Stamp | null {
  let opened: number;
  try {
    opened = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const counter = Buffer.alloc(4);
    readSync(opened, counter, 0, counter.length, changesAt);
    return { inode: fstatSync(opened).ino, changes: counter.readUInt32BE() };
  } finally {
    closeSync(opened);
  }
}

/** Creates the file with its tables, so that an empty file is always a damaged one. */
function create(file: string): void {
  const made = `${file}.${randomUUID()}`;
  try {
    const db = openPrivately(made);
    try {
      db.exec(`BEGIN; ${schema} COMMIT;`);
    } finally {
      db.close();
    }
    linkSync(made, file);
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(made, { force: true });
  }
  void syncPath(dirname(file)).catch(() => {});
}

function refuseDamage(db: DatabaseSync, file: string): void {
  const read = (pragma: string) => Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
  // SQLite takes a last page that is cut off for one that ends with zeros.
  const whole = Number(read('page_count')) * Number(read('page_size'));
  const said = statSync(file).size === whole ? read('quick_check(1)') : 'it is cut off';
  if (said !== 'ok') throw Object.assign(new Error(String(said)), { errcode: sqliteCodes.corrupt });
}

/** SQLITE_ERROR: a table is not there. */
const noSuchTable = 1;

function tellsDamage(error: unknown): boolean {
  const damages: readonly unknown[] = [sqliteCodes.corrupt, sqliteCodes.notADatabase, noSuchTable];
  return damages.includes(sqliteCodeOf(error));
}

/** The names of damaged files, the oldest first. Each may still hold what is missing. */
const asidesOf = (file: string): readonly string[] =>
  ['', '.2', '.3', '.4', '.5', '.6', '.7', '.8', '.9'].map((end) => `${file}.damaged${end}`);

function setAside(file: string): string {
  const aside = asidesOf(file).find((one) => !existsSync(one));
  if (aside === undefined) {
    throw new Error('it is damaged, and nine damaged files stand beside it. Remove them');
  }
  renameSync(file, aside);
  if (existsSync(`${file}-journal`)) renameSync(`${file}-journal`, `${aside}-journal`);
  return aside;
}
