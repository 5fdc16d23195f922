import TinyQueue from 'tinyqueue';

/** An event that will run at its time. */
export interface Scheduled {
  cancel(): void;
}

/**
 * Virtual time as a queue of events, at full speed: like `createVirtualClock`, but for a world with
 * many clocks. Events at the same time run in the order in which they were scheduled.
 */
export interface EventQueue {
  /** True time, ms since the beginning; no process can read it. */
  nowMs(): number;
  at(atMs: number, run: () => void): Scheduled;
  after(ms: number, run: () => void): Scheduled;
  /**
   * Called by the running event: it completed nothing that other code awaits. The next event then
   * follows without an empty turn of the event loop in between.
   */
  nothingMoved(): void;
  /**
   * Runs one event after another until `done` returns true (asked after each), `untilMs` is
   * reached, or none is left.
   */
  run(options: { untilMs: number; done?: () => boolean }): Promise<'done' | 'time' | 'empty'>;
  /** Number of events that have run so far. */
  readonly count: number;
}

class Entry implements Scheduled {
  readonly atMs: number;
  readonly number: number;
  run: (() => void) | null;

  constructor(atMs: number, number: number, run: () => void) {
    this.atMs = atMs;
    this.number = number;
    this.run = run;
  }

  cancel(): void {
    this.run = null;
  }
}

export function createEventQueue(): EventQueue {
  const entries = new TinyQueue<Entry>([], order);
  let nowMs = 0;
  let numbers = 0;
  let count = 0;
  let moved = true;

  const at = (atMs: number, run: () => void): Scheduled => {
    const entry = new Entry(Math.max(nowMs, atMs), numbers++, run);
    entries.push(entry);
    return entry;
  };

  return {
    nowMs: () => nowMs,
    at,
    after: (ms, run) => at(nowMs + ms, run),
    nothingMoved: () => {
      moved = false;
    },
    get count() {
      return count;
    },
    run: ({ untilMs, done }) =>
      new Promise((resolve, reject) => {
        const step = () => {
          do {
            if (done?.()) return resolve('done');
            const entry = nextOf(entries);
            if (entry === undefined) return resolve('empty');
            if (entry.atMs > untilMs) {
              nowMs = untilMs;
              return resolve('time');
            }
            entries.pop();
            nowMs = entry.atMs;
            count += 1;
            moved = true;
            try {
              entry.run?.();
            } catch (error) {
              return reject(error);
            }
          } while (!moved);
          void idle.then(soon);
        };
        const soon = () => process.nextTick(step);
        void idle.then(soon);
      }),
  };
}

/**
 * The next event runs when all work that needs no time has run: a tick that is requested in a
 * microtask runs when no microtask is left. It costs a tenth of a turn of the event loop;
 * `queueMicrotask` would also create a resource for async hooks.
 */
const idle = Promise.resolve();

/** Returns the first entry that is not cancelled. */
function nextOf(entries: TinyQueue<Entry>): Entry | undefined {
  let entry = entries.peek();
  while (entry?.run === null) {
    entries.pop();
    entry = entries.peek();
  }
  return entry;
}

/** The earlier time first; at the same time, the entry that was scheduled first. */
function order(a: Entry, b: Entry): number {
  return a.atMs - b.atMs || a.number - b.number;
}
