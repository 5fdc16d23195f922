import type { GuardEvent } from '../../authority/authority.ts';
import type { JournalRecord } from '../../store/store.ts';
import type { Branch, Write } from '../database/history-of-writes.ts';

/** The events of the whole world. No part of the world can see all of them; the checkers read only these. */
export type Happening =
  /** A database began or ended taking writes from the application. */
  | {
      readonly type: 'opened';
      readonly region: string;
      readonly branch: Branch;
      readonly why: string;
    }
  | {
      readonly type: 'closed';
      readonly region: string;
      readonly branch: Branch;
      readonly why: string;
    }
  /** The first moment at which this branch could take a write. */
  | { readonly type: 'writable'; readonly region: string; readonly branch: Branch }
  | { readonly type: 'promoted'; readonly region: string; readonly branch: Branch }
  /** Data of another cluster was replaced by a copy. */
  | { readonly type: 'foreign-data-replaced'; readonly region: string; readonly branch: Branch }
  /** A command of a controller, noted when its guard began with it. */
  | {
      readonly type: 'command';
      readonly region: string;
      readonly name: string;
      readonly token: number;
      readonly detail: unknown;
    }
  | {
      readonly type: 'command-ended';
      readonly region: string;
      readonly name: string;
      readonly token: number;
      /** When its guard began with it: the weather may have brought several copies. */
      readonly begunMs: number;
      readonly error: string | null;
    }
  | {
      readonly type: 'run-asked';
      readonly kind: string;
      readonly by: string;
      readonly overrides: readonly string[];
    }
  | {
      readonly type: 'run-begun';
      readonly runId: string;
      readonly kind: string;
      readonly token: number;
      readonly owner: string;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly type: 'run-taken';
      readonly runId: string;
      readonly token: number;
      readonly owner: string;
    }
  /** A line of the log of `throwover serve`. */
  | {
      readonly type: 'serve';
      readonly name: string;
      readonly event: { readonly event: string };
    }
  | { readonly type: 'serve-started' | 'serve-ended'; readonly name: string }
  /** A run changed hands while its controller still had it for this time. */
  | {
      readonly type: 'carried-on';
      readonly runId: string;
      readonly by: string;
      readonly leftMs: number;
    }
  /** A door took this mode. */
  | {
      readonly type: 'door';
      readonly region: string;
      readonly mode: string;
      readonly epoch: number;
    }
  /** The kill switch. */
  | { readonly type: 'halt'; readonly on: boolean }
  /** The true state of the active region. */
  | {
      readonly type: 'region';
      readonly region: string;
      readonly well: boolean;
      /** Whether its standby receives from it. */
      readonly heard: boolean;
    }
  | { readonly type: 'expiry-asked'; readonly epoch: number; readonly leftMs: number }
  | { readonly type: 'bug'; readonly where: string; readonly error: string }
  | {
      readonly type: 'run-left';
      readonly runId: string;
      readonly status: string;
      readonly why: string;
    }
  | {
      readonly type: 'appended';
      readonly runId: string;
      readonly token: number;
      readonly record: JournalRecord;
    }
  | {
      readonly type: 'step';
      readonly what: 'act' | 'look' | 'undo';
      readonly runId: string;
      readonly step: string;
      readonly token: number;
      readonly controller: string;
    }
  | {
      readonly type: 'epoch-opened';
      readonly epoch: number;
      readonly active: string;
      readonly by: string;
    }
  | {
      readonly type: 'sync-recorded';
      readonly at: 'store' | 'peer';
      readonly epoch: number;
      readonly inSync: boolean;
      readonly position: string;
    }
  | { readonly type: 'fault'; readonly what: string }
  /** A login succeeded although the door was closed. */
  | { readonly type: 'slipped-in'; readonly region: string }
  | { readonly type: 'guard'; readonly region: string; readonly event: GuardEvent }
  /** The guard of a database that waits to be opened got an answer. */
  | { readonly type: 'heard'; readonly region: string; readonly from: 'store' | 'peer' }
  | { readonly type: 'healed' }
  /**
   * A client read its own write back. `held`: the write was there. `may`: it may still arrive
   * there.
   */
  | {
      readonly type: 'read';
      readonly region: string;
      readonly write: Write;
      readonly outcome: 'satisfied' | 'lost' | 'unknown';
      readonly reason: string;
      readonly held: boolean;
      readonly may: boolean;
    }
  | { readonly type: 'answer'; readonly what: string; readonly detail: string }
  | { readonly type: 'crashed'; readonly region: string };

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
