import type { GuardEvent } from '../../authority/authority.ts';
import type { JournalRecord } from '../../store/store.ts';
import type { Branch, Write } from '../database/history-of-writes.ts';

/** What can happen, by type: no part of the world can see all of it; the checkers read only this. */
interface Happenings {
  /** A database began or ended taking writes from the application. */
  opened: { region: string; branch: Branch; why: string };
  closed: { region: string; branch: Branch; why: string };
  /** The first moment at which this branch could take a write. */
  writable: { region: string; branch: Branch };
  promoted: { region: string; branch: Branch };
  /** Data of another cluster was replaced by a copy. */
  'foreign-data-replaced': { region: string; branch: Branch };
  /** A command of a controller, noted when its guard began with it. */
  command: { region: string; name: string; token: number; detail: unknown };
  'command-ended': {
    region: string;
    name: string;
    token: number;
    /** When its guard began with it: the weather may have brought several copies. */
    begunMs: number;
    error: string | null;
  };
  'run-asked': { kind: string; by: string; overrides: readonly string[] };
  'run-begun': {
    runId: string;
    kind: string;
    token: number;
    owner: string;
    from: string;
    to: string;
  };
  'run-taken': { runId: string; token: number; owner: string };
  /** A line of the log of `throwover serve`. */
  serve: { name: string; event: { readonly event: string } };
  'serve-started': { name: string };
  'serve-ended': { name: string };
  /** A run changed hands while its controller still had it for this time. */
  'carried-on': { runId: string; by: string; leftMs: number };
  /** A door took this mode. */
  door: { region: string; mode: string; epoch: number };
  /** The kill switch. */
  halt: { on: boolean };
  /** The true state of the active region. `heard`: its standby receives from it. */
  region: { region: string; well: boolean; heard: boolean };
  'expiry-asked': { epoch: number; leftMs: number };
  bug: { where: string; error: string };
  'run-left': { runId: string; status: string; why: string };
  appended: { runId: string; token: number; record: JournalRecord };
  step: {
    what: 'act' | 'look' | 'undo';
    runId: string;
    step: string;
    token: number;
    controller: string;
  };
  'epoch-opened': { epoch: number; active: string; by: string };
  'sync-recorded': { at: 'store' | 'peer'; epoch: number; inSync: boolean; position: string };
  fault: { what: string };
  /** A login succeeded although the door was closed. */
  'slipped-in': { region: string };
  guard: { region: string; event: GuardEvent };
  /** The guard of a database that waits to be opened got an answer. */
  heard: { region: string; from: 'store' | 'peer' };
  healed: object;
  /**
   * A client read its own write back. `held`: the write was there. `may`: it may still arrive
   * there.
   */
  read: {
    region: string;
    write: Write;
    outcome: 'satisfied' | 'lost' | 'unknown';
    reason: string;
    held: boolean;
    may: boolean;
  };
  answer: { what: string; detail: string };
  crashed: { region: string };
}

export type Happening = {
  [Type in keyof Happenings]: { readonly type: Type } & Readonly<Happenings[Type]>;
}[keyof Happenings];

export type Noted = Happening & { readonly atMs: number };

/** Everything that happened, in order, and a hash of it: the same seed gives the same hash. */
export class History {
  readonly noted: Noted[] = [];
  readonly #nowMs: () => number;
  readonly #trace: ((line: string) => void) | null;
  #hash = 0x811c9dc5;

  constructor(options: { nowMs: () => number; trace: ((line: string) => void) | null }) {
    this.#nowMs = options.nowMs;
    this.#trace = options.trace;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Called for each happening; the world reacts to some. */
  onNoted: ((noted: Noted) => void) | null = null;

  note(happening: Happening): void {
    const atMs = this.#nowMs();
    const noted = { ...happening, atMs };
    this.noted.push(noted);
    this.onNoted?.(noted);
    this.mix(happening.type);
    this.mix(String(Math.round(atMs * 1000)));
    this.#trace?.(lineOf(happening, atMs));
  }

  /** Adds happenings to the hash that are too frequent to be stored. */
  mix(text: string): void {
    for (let index = 0; index < text.length; index++) {
      this.#hash = Math.imul(this.#hash ^ text.charCodeAt(index), 0x01000193);
    }
  }

  say(text: () => string): void {
    this.#trace?.(`${timeOf(this.#nowMs())} ${text()}`);
  }
}

function lineOf(happening: Happening, atMs: number): string {
  const { type, ...rest } = happening;
  const said = JSON.stringify(rest, (key, value: unknown) =>
    key === 'branch' ? branchName(value as Branch) : key === 'write' ? (value as Write).key : value,
  );
  return `${timeOf(atMs)} ${type.padEnd(14)} ${said}`;
}

function timeOf(atMs: number): string {
  return (atMs / 1000).toFixed(4).padStart(10);
}

function branchName({ id, timeline }: Branch): string {
  return `b${id}/t${timeline}`;
}
