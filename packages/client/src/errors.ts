import type { Token } from './read-your-writes/token.ts';

/** retry: the same call may succeed. wait: something must change first. stop: do not go on. page: a person must decide. */
export type ClientDisposition = 'retry' | 'wait' | 'stop' | 'page';

interface Definition {
  readonly disposition: ClientDisposition;
  /** Says which data is still safe. */
  readonly notLost: string;
  /** What to do next. */
  readonly remedy: string;
}

/** Every error of this package. docs/client.md lists them; a test compares the two. */
export const clientErrors = {
  'write-lost': {
    disposition: 'page',
    notLost: 'Everything that the current database shows. The lost write stands in the ledger.',
    remedy:
      'Tell the user that this write did not survive, and do not treat it as done; an operator finds it with `throwover losses`.',
  },
  'not-yet': {
    disposition: 'retry',
    notLost: 'The write: this database has only not replayed it yet.',
    remedy: 'Read from the writer (option `route`), or answer 503 with Retry-After.',
  },
  undecided: {
    disposition: 'wait',
    notLost: 'Nothing is known to be lost, nor to have survived; the reason says what is missing.',
    remedy:
      'Read from the writer (option `route`); if the writer cannot say either, look the write up by its own key.',
  },
  'no-writer': {
    disposition: 'retry',
    notLost: 'Nothing was written: the transaction had not committed and cannot any more.',
    remedy: 'Answer 503 with Retry-After; see `throwover check` if it lasts.',
  },
  'hold-full': {
    disposition: 'retry',
    notLost: 'Nothing was written: the transaction was not begun.',
    remedy: 'Answer 503 with Retry-After; raise `queueLimit` if memory allows.',
  },
  'epoch-hidden': {
    disposition: 'stop',
    notLost: 'Nothing was written.',
    remedy:
      'GRANT USAGE ON SCHEMA throwover and SELECT ON throwover.promotions to the role of the application.',
  },
  'outcome-unknown': {
    disposition: 'page',
    notLost: 'The transaction is whole: all of it is there, or nothing.',
    remedy:
      'Do not repeat it blindly. Wait for `token`, or look the write up by its own key, then decide.',
  },
} as const satisfies Record<string, Definition>;

export type ClientErrorCode = keyof typeof clientErrors;

/**
 * An error with a stable `code`, a statement of which data is still safe, and the next step to
 * take.
 */
export class ClientError extends Error {
  readonly code: ClientErrorCode;
  readonly disposition: ClientDisposition;
  readonly notLost: string;
  readonly remedy: string;

  constructor(code: ClientErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    const { disposition, notLost, remedy } = clientErrors[code];
    this.disposition = disposition;
    this.notLost = notLost;
    this.remedy = remedy;
  }
}

/** An acknowledged write did not survive. Its transaction id proves this; it is never a guess. */
export class WriteLost extends ClientError {
  readonly token: Token;
  readonly reason: string;

  constructor(token: Token, reason: string) {
    super('write-lost', `the write at ${token.position} did not survive (${reason})`);
    this.token = token;
    this.reason = reason;
  }
}

/** The database had not replayed the write when the deadline passed. */
export class NotYet extends ClientError {
  readonly token: Token;
  readonly reason: string;

  constructor(token: Token, reason: string, waitedMs: number) {
    super('not-yet', `${token.position} was not here after ${Math.round(waitedMs)} ms (${reason})`);
    this.token = token;
    this.reason = reason;
  }
}

/**
 * This database cannot say whether the write survived; `reason` says which information is missing.
 */
export class Undecided extends ClientError {
  readonly token: Token | null;
  readonly reason: string;

  constructor(token: Token | null, reason: string, cause?: unknown) {
    const what = token === null ? 'the token' : `the write at ${token.position}`;
    super('undecided', `${what}: cannot say whether it is here (${reason})`, cause);
    this.token = token;
    this.reason = reason;
  }
}

/** No writer was found in time. Nothing was written. */
export class NoWriter extends ClientError {
  constructor(message: string, cause?: unknown) {
    super('no-writer', message, cause);
  }
}

/**
 * The queue of transactions that wait for a writer is full, so this one was refused. Nothing was
 * written.
 */
export class HoldFull extends ClientError {
  constructor(limit: number) {
    super('hold-full', `${limit} transactions wait for a writer already`);
  }
}

/** The role may not read throwover.promotions, so the epoch is unknown and nothing is written. */
export class EpochHidden extends ClientError {
  constructor() {
    super('epoch-hidden', 'this role may not read throwover.promotions');
  }
}

/**
 * COMMIT was sent, no reply came, and its outcome could not be found out in time.
 *
 * `token` can be waited for later: `satisfied` says that the transaction committed, `lost` that it
 * did not. This does not hold after crash recovery of the same server: there an id that had not
 * reached the disk is given out again.
 */
export class OutcomeUnknown extends ClientError {
  readonly token: Token;
  readonly reason: string;

  constructor(token: Token, reason: string, cause?: unknown) {
    super('outcome-unknown', `whether the transaction committed is not known (${reason})`, cause);
    this.token = token;
    this.reason = reason;
  }
}
