import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { ThrowoverError } from '../kernel/kernel.ts';
import { webhookErrors } from './errors.ts';
import { openDatabase } from './journal-schema.ts';
import type { GatewayMode, LossWindow } from './wire.ts';
import { type EventState, type GatewayEvent, gatewayModeSchema } from './wire.ts';

/**
 * Most writes that may wait for one commit; more mean that the disk is too slow. 4,096 x 1 KB = 4
 * MB.
 */
const MAX_WAITING = 4_096;
/** Rows that one transaction prunes, so that a commit of new events never waits long behind it. */
const PRUNE_BATCH = 500;
/**
 * How far before the window's start positions beyond the switch position are searched, ms: far more
 * than the error of any clock, and it keeps the search off earlier days.
 */
const SKEW_MS = 3_600_000;

interface NewEvent {
  readonly source: string;
  readonly id: string;
  readonly contentType: string | null;
  readonly signature: string | null;
  readonly body: Buffer;
  readonly receivedMs: number;
}

export interface PendingEvent {
  readonly seq: number;
  readonly id: string;
  readonly contentType: string | null;
  readonly signature: string | null;
  readonly body: Uint8Array;
  readonly attempts: number;
  readonly refusals: number;
  /** It was delivered before, and its effect may have been lost with a region. */
  readonly redelivery: boolean;
}

/** The end of one attempt, as the journal keeps it. */
export type Settlement =
  | {
      readonly state: 'delivered';
      readonly region: string;
      readonly epoch: number;
      readonly position: string | null;
      readonly atMs: number;
    }
  | { readonly state: 'pending'; readonly counted: boolean; readonly reason: string }
  | { readonly state: 'dead'; readonly reason: string; readonly atMs: number };

export interface SavedMode {
  readonly mode: GatewayMode;
  readonly token: number;
}

interface Write {
  readonly apply: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Totals {
  accepted: number;
  delivered: number;
  dead: number;
}

/**
 * The gateway's durable state, one SQLite file (WAL, synchronous=FULL, locked by this process).
 *
 * A3: a write is answered only after its commit. Writes that arrive in one turn of the event loop
 * share one commit, so 64 senders cost about as many fsyncs as one. After a failed write nothing is
 * written until a restart: the state of the failed bytes on disk is unknown, and a repeated fsync
 * may report success for pages that were dropped.
 */
export class EventJournal {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #totals: Totals;
  #waiting: Write[] = [];
  #scheduled = false;
  #failure: ThrowoverError | null = null;
  #closed = false;

  /** Opens or creates the journal in `dataDir`. */
  constructor(dataDir: string, limits: { maxBytes: number }) {
    mkdirSync(dataDir, { recursive: true });
    this.#db = openDatabase(join(dataDir, 'events.sqlite'), limits.maxBytes);
    this.#sql = prepare(this.#db);
    this.#totals = { accepted: 0, delivered: 0, dead: 0 };
    for (const row of this.#sql.totals.all()) {
      const count = Number(row['count']);
      this.#totals.accepted += count;
      if (row['state'] === 'delivered') this.#totals.delivered = count;
      if (row['state'] === 'dead') this.#totals.dead = count;
    }
  }

  /** The failure because of which nothing is written any more, or `null`. */
  get failure(): ThrowoverError | null {
    return this.#failure;
  }

  get totals(): Readonly<Totals> & { readonly backlog: number } {
    const { accepted, delivered, dead } = this.#totals;
    return { accepted, delivered, dead, backlog: accepted - delivered - dead };
  }

  /**
   * Appends an event; durable when it resolves. An id that its source has used before is a
   * duplicate, also among concurrent calls.
   */
  append(event: NewEvent): Promise<'stored' | 'duplicate'> {
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(
        webhookErrors.make('gateway-busy', `${MAX_WAITING} writes wait for the disk`),
      );
    }
    const { source, id, contentType, signature, body, receivedMs } = event;
    return this.#write(() => {
      const { changes } = this.#sql.insert.run(
        source,
        id,
        contentType,
        signature,
        body,
        receivedMs,
      );
      if (changes === 0) return 'duplicate';
      this.#totals.accepted += 1;
      return 'stored';
    });
  }

  settle(seq: number, settlement: Settlement): Promise<void> {
    return this.#write(() => {
      const s = settlement;
      switch (s.state) {
        case 'delivered':
          this.#totals.delivered += Number(
            this.#sql.delivered.run(s.atMs, s.region, s.epoch, s.position, seq).changes,
          );
          return;
        case 'pending':
          this.#sql.failed.run(s.counted ? 1 : 0, s.reason, seq);
          return;
        case 'dead':
          this.#totals.dead += Number(this.#sql.dead.run(s.reason, s.atMs, seq).changes);
          return;
      }
    });
  }

  /**
   * Makes delivered events of the window pending again, marked, and returns them for the lanes. A
   * window whose key was used before returns the earlier count and changes nothing.
   */
  redeliver(
    window: LossWindow,
  ): Promise<{ events: number; again: readonly { seq: number; source: string }[] }> {
    const { key, epoch, fromWallMs, beyond } = window;
    return this.#write(() => {
      const before = this.#sql.redelivered.get(key);
      if (before !== undefined) return { events: Number(before['events']), again: [] };
      const rows = this.#sql.redeliver.all({
        epoch,
        beyond,
        fromMs: fromWallMs,
        lookFromMs:
          fromWallMs === null || beyond === null ? (fromWallMs ?? 0) : fromWallMs - SKEW_MS,
      });
      this.#sql.saveRedelivery.run(key, rows.length);
      this.#totals.delivered -= rows.length;
      const again = rows.map((row) => ({ seq: Number(row['seq']), source: String(row['source']) }));
      return { events: rows.length, again };
    });
  }

  /**
   * Numbers of pending events that were refused at least once, and that were put back after a
   * delivery.
   */
  waiting(): { readonly refused: number; readonly redelivering: number } {
    const row = this.#sql.waiting.get();
    return { refused: Number(row?.['refused'] ?? 0), redelivering: Number(row?.['again'] ?? 0) };
  }

  saveMode(saved: SavedMode): Promise<void> {
    return this.#write(() => {
      this.#sql.saveMode.run(JSON.stringify(saved.mode), saved.token);
    });
  }

  savedMode(): SavedMode | null {
    const row = this.#sql.mode.get();
    if (row === undefined) return null;
    return {
      mode: gatewayModeSchema.parse(JSON.parse(String(row['mode']))),
      token: Number(row['token']),
    };
  }

  /** Returns the events to deliver, in arrival order. */
  pending(source: string, afterSeq: number, limit: number): PendingEvent[] {
    return this.#sql.pending.all(source, afterSeq, limit).map(pendingEvent);
  }

  /** Returns the event if it is still pending. */
  pendingOne(seq: number): PendingEvent | undefined {
    const row = this.#sql.pendingOne.get(seq);
    return row === undefined ? undefined : pendingEvent(row);
  }

  oldestPendingMs(): number | null {
    const received = this.#sql.oldest.get()?.['received_ms'];
    return typeof received === 'number' ? received : null;
  }

  events(filter: { state?: EventState | undefined; after: number; limit: number }): GatewayEvent[] {
    const state = filter.state ?? null;
    return this.#sql.events.all(filter.after, state, state, filter.limit).map(gatewayEvent);
  }

  /**
   * Deletes events that were delivered before `beforeMs` and returns their number. Dead letters
   * stay.
   */
  async prune(beforeMs: number): Promise<number> {
    let pruned = 0;
    for (;;) {
      const changes = await this.#write(() => {
        const { changes } = this.#sql.prune.run(beforeMs, PRUNE_BATCH);
        this.#totals.accepted -= Number(changes);
        this.#totals.delivered -= Number(changes);
        return Number(changes);
      });
      pruned += changes;
      if (changes < PRUNE_BATCH) return pruned;
    }
  }

  /** Commits the waiting writes, then closes the file. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#db.close();
  }

  #write<T>(apply: () => T): Promise<T> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#closed)
      return Promise.reject(webhookErrors.make('gateway-closing', 'the gateway ends'));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ apply, resolve: resolve as (value: unknown) => void, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    this.#scheduled = false;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) return;
    const before = { ...this.#totals };
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      const results = batch.map(({ apply }) => apply());
      this.#db.exec('COMMIT');
      batch.forEach(({ resolve }, index) => {
        resolve(results[index]);
      });
    } catch (error) {
      Object.assign(this.#totals, before);
      this.#stop(error);
      for (const { reject } of batch) reject(this.#failure);
    }
  }

  /**
   * Rolls back so that reads show the committed state; the state of the failed bytes on disk is
   * unknown.
   */
  #stop(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#failure = webhookErrors.make(
      'gateway-journal-stopped',
      `a write to the journal failed: ${message}`,
      { error: message },
      error,
    );
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // Nothing is written any more, whatever state the transaction is in.
    }
  }
}

const pendingColumns = 'seq, id, content_type, signature, body, attempts, refusals, redelivery';

function prepare(db: DatabaseSync) {
  return {
    totals: db.prepare('SELECT state, count(*) AS count FROM events GROUP BY state'),
    insert: db.prepare(
      `INSERT INTO events (source, id, content_type, signature, body, received_ms) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (source, id) DO NOTHING`,
    ),
    delivered: db.prepare(
      `UPDATE events SET state = 'delivered', attempts = attempts + 1, reason = NULL,
       ended_ms = ?, region = ?, epoch = ?, position = ? WHERE seq = ? AND state = 'pending'`,
    ),
    failed: db.prepare(
      'UPDATE events SET attempts = attempts + 1, refusals = refusals + ?, reason = ? WHERE seq = ?',
    ),
    dead: db.prepare(
      `UPDATE events SET state = 'dead', attempts = attempts + 1, refusals = refusals + 1,
       reason = ?, ended_ms = ? WHERE seq = ? AND state = 'pending'`,
    ),
    // Positions of one timeline compare as text; a position of another timeline is not compared.
    redeliver: db.prepare(
      `UPDATE events SET state = 'pending', redelivery = 1, refusals = 0, ended_ms = NULL,
       reason = 'delivered before; its effect may be lost'
       WHERE state = 'delivered' AND epoch <= $epoch AND ended_ms >= $lookFromMs AND (
         ended_ms >= $fromMs
         OR (substr(position, 1, 8) = substr($beyond, 1, 8) AND position > $beyond)
       ) RETURNING seq, source`,
    ),
    redelivered: db.prepare('SELECT events FROM redeliveries WHERE key = ?'),
    saveRedelivery: db.prepare('INSERT INTO redeliveries (key, events) VALUES (?, ?)'),
    waiting: db.prepare(
      `SELECT (SELECT count(*) FROM events WHERE state = 'pending' AND refusals > 0) AS refused,
       (SELECT count(*) FROM events WHERE state = 'pending' AND redelivery > 0) AS again`,
    ),
    mode: db.prepare('SELECT mode, token FROM mode'),
    saveMode: db.prepare('REPLACE INTO mode (only, mode, token) VALUES (1, ?, ?)'),
    pending: db.prepare(
      `SELECT ${pendingColumns} FROM events WHERE state = 'pending' AND source = ? AND seq > ?
       ORDER BY seq LIMIT ?`,
    ),
    pendingOne: db.prepare(
      `SELECT ${pendingColumns} FROM events WHERE state = 'pending' AND seq = ?`,
    ),
    oldest: db.prepare(
      "SELECT min(received_ms) AS received_ms FROM events WHERE state = 'pending'",
    ),
    events: db.prepare(
      `SELECT seq, source, id, state, received_ms, attempts, refusals, reason, ended_ms, region, epoch, position, redelivery
       FROM events WHERE seq > ? AND (? IS NULL OR state = ?) ORDER BY seq LIMIT ?`,
    ),
    prune: db.prepare(
      `DELETE FROM events WHERE seq IN
       (SELECT seq FROM events WHERE state = 'delivered' AND ended_ms < ? ORDER BY ended_ms LIMIT ?)`,
    ),
  };
}

type Row = Record<string, SQLOutputValue>;

const text = (value: SQLOutputValue | undefined) => (typeof value === 'string' ? value : null);
const number = (value: SQLOutputValue | undefined) => (typeof value === 'number' ? value : null);

function pendingEvent(row: Row): PendingEvent {
  const body = row['body'];
  return {
    seq: Number(row['seq']),
    id: String(row['id']),
    contentType: text(row['content_type']),
    signature: text(row['signature']),
    body: body instanceof Uint8Array ? body : new Uint8Array(),
    attempts: Number(row['attempts']),
    refusals: Number(row['refusals']),
    redelivery: row['redelivery'] === 1,
  };
}

function gatewayEvent(row: Row): GatewayEvent {
  return {
    seq: Number(row['seq']),
    source: String(row['source']),
    id: String(row['id']),
    state: String(row['state']) as EventState,
    receivedMs: Number(row['received_ms']),
    attempts: Number(row['attempts']),
    refusals: Number(row['refusals']),
    reason: text(row['reason']),
    endedMs: number(row['ended_ms']),
    region: text(row['region']),
    epoch: number(row['epoch']),
    position: text(row['position']),
    redelivery: row['redelivery'] === 1,
  };
}
