import type { DatabaseSync } from 'node:sqlite';
import {
  dayMs,
  hourMs,
  type LagReport,
  type LagSample,
  LagSpan,
  type LagSpanJson,
  minuteMs,
  startOf,
} from '../replication/replication.ts';

/**
 * Number of days whose lag is shown: a plan, `check` and `/metrics` show the worst of 30 days and
 * of today.
 */
const shownDays = 31;

/** One direction of replication. */
export interface Direction {
  readonly service: string;
  readonly from: string;
  readonly to: string;
}

/** The row of a minute, an hour or a day. */
export interface Place {
  readonly widthMs: number;
  readonly startMs: number;
}

/**
 * Lag on disk: the minutes of the current hour, the hours of the current day, and days (UTC). That
 * is about a hundred rows per direction, however long it is sampled.
 *
 * Rows are merged, never replaced, so a clock that was set back, or a second process in the same
 * minute, adds to the existing row. Days are deleted by their number of rows, not by the clock, so
 * a clock that was wrong for a while deletes no history.
 */
export class LagRows {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync) {
    db.exec(`
      CREATE TABLE IF NOT EXISTS spans (
        service TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL, width_ms INTEGER NOT NULL,
        start_ms INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (service, source, target, width_ms, start_ms)
      ) STRICT, WITHOUT ROWID;`);
    this.#db = db;
    this.#sql = prepare(db);
  }

  directions(service: string): readonly Direction[] {
    return this.#sql.directions
      .all(service)
      .map(({ source, target }) => ({ service, from: String(source), to: String(target) }));
  }

  /** Runs `work` in one transaction. */
  atOnce(work: () => void): void {
    this.#db.exec('BEGIN');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Adds to the row of this place. Call it inside `atOnce`. */
  merge({ service, from, to }: Direction, { widthMs, startMs }: Place, span: LagSpan): void {
    const row = this.#sql.one.get(service, from, to, widthMs, startMs);
    const whole = row === undefined ? span : spanOf(row);
    if (row !== undefined) whole.merge(span);
    this.#sql.put.run(service, from, to, widthMs, startMs, JSON.stringify(whole));
  }

  /**
   * Merges minutes of past hours into hours, and hours of past days into days. Call it inside
   * `atOnce`.
   */
  rollUp(direction: Direction, nowWallMs: number): void {
    this.#rollUp(direction, minuteMs, hourMs, nowWallMs);
    this.#rollUp(direction, hourMs, dayMs, nowWallMs);
    const { service, from, to } = direction;
    this.#sql.trim.run(service, from, to, service, from, to);
  }

  /** Returns the total of all rows that are shown at a time. */
  total({ service, from, to }: Direction, nowWallMs: number): LagSpan {
    const total = new LagSpan();
    const since = startOf(nowWallMs, dayMs) - (shownDays - 1) * dayMs;
    for (const row of this.#sql.since.all(service, from, to, since)) total.merge(spanOf(row));
    return total;
  }

  #rollUp(direction: Direction, narrowMs: number, wideMs: number, nowWallMs: number): void {
    const { service, from, to } = direction;
    const before = startOf(nowWallMs, wideMs);
    const rows = this.#sql.before.all(service, from, to, narrowMs, before);
    const wide = Map.groupBy(rows, (row) => startOf(Number(row['start_ms']), wideMs));
    for (const [startMs, parts] of wide) {
      const span = new LagSpan();
      for (const part of parts) span.merge(spanOf(part));
      this.merge(direction, { widthMs: wideMs, startMs }, span);
    }
    if (rows.length > 0) this.#sql.forget.run(service, from, to, narrowMs, before);
  }
}

/** Lag of one direction in memory: the current minute, and the total that includes it. */
export class DirectionLag {
  readonly direction: Direction;
  readonly #rows: LagRows;
  #minute: { readonly startMs: number; readonly span: LagSpan } | null = null;
  #total: { readonly dayMs: number; readonly span: LagSpan } | null = null;

  constructor(direction: Direction, rows: LagRows) {
    this.direction = direction;
    this.#rows = rows;
  }

  add(sample: LagSample): void {
    const startMs = startOf(sample.wallMs, minuteMs);
    this.settle(sample.wallMs);
    this.#minute ??= { startMs, span: new LagSpan() };
    const total = this.#totalAt(sample.wallMs);
    this.#minute.span.add(sample);
    total.add(sample);
  }

  report(nowWallMs: number): LagReport {
    const { from, to } = this.direction;
    this.settle(nowWallMs);
    return this.#totalAt(nowWallMs).report(from, to, nowWallMs);
  }

  /** Writes the minute in memory when it has passed. */
  settle(nowWallMs: number): void {
    if (this.#minute?.startMs !== startOf(nowWallMs, minuteMs)) this.flush();
  }

  /** Writes the minute in memory. */
  flush(): void {
    const minute = this.#minute;
    if (minute === null) return;
    const { startMs, span } = minute;
    this.#rows.atOnce(() => {
      this.#rows.merge(this.direction, { widthMs: minuteMs, startMs }, span);
      this.#rows.rollUp(this.direction, startMs);
    });
    this.#minute = null;
  }

  /** Drops the total, so that the next call reads it from disk. */
  forget(): void {
    this.#total = null;
  }

  /** Returns the total, read from disk once a day, because then one day is no longer shown. */
  #totalAt(wallMs: number): LagSpan {
    const day = startOf(wallMs, dayMs);
    if (this.#total?.dayMs !== day) {
      const span = this.#rows.total(this.direction, wallMs);
      if (this.#minute !== null) span.merge(this.#minute.span);
      this.#total = { dayMs: day, span };
    }
    return this.#total.span;
  }
}

function spanOf(row: Readonly<Record<string, unknown>>): LagSpan {
  return new LagSpan(JSON.parse(String(row['body'])) as LagSpanJson);
}

function prepare(db: DatabaseSync) {
  const own = 'service = ? AND source = ? AND target = ?';
  return {
    directions: db.prepare('SELECT DISTINCT source, target FROM spans WHERE service = ?'),
    one: db.prepare(`SELECT body FROM spans WHERE ${own} AND width_ms = ? AND start_ms = ?`),
    put: db.prepare(
      `INSERT OR REPLACE INTO spans (service, source, target, width_ms, start_ms, body)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    since: db.prepare(`SELECT body FROM spans WHERE ${own} AND start_ms >= ?`),
    before: db.prepare(
      `SELECT start_ms, body FROM spans WHERE ${own} AND width_ms = ? AND start_ms < ?`,
    ),
    forget: db.prepare(`DELETE FROM spans WHERE ${own} AND width_ms = ? AND start_ms < ?`),
    trim: db.prepare(
      `DELETE FROM spans WHERE ${own} AND width_ms = ${dayMs} AND start_ms <=
         (SELECT start_ms FROM spans WHERE ${own} AND width_ms = ${dayMs}
          ORDER BY start_ms DESC LIMIT 1 OFFSET ${shownDays})`,
    ),
  };
}
