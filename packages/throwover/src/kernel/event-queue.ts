/** An event that waits for its instant. */
export interface Scheduled {
  cancel(): void;
}

/**
 * Virtual time as a queue of events, at full speed: what `createVirtualClock` does for one clock, for a
 * world that has many. Events of one instant run in the order in which they were scheduled.
 */
export interface EventQueue {
  /** True time, ms since the beginning; no process can read it. */
  nowMs(): number;
  at(atMs: number, run: () => void): Scheduled;
  after(ms: number, run: () => void): Scheduled;
  /** Runs event after event until `done` says so (asked after each), `untilMs` has come, or none is left. */
  run(options: { untilMs: number; done?: () => boolean }): Promise<'done' | 'time' | 'empty'>;
  /** Events that have run so far. */
  readonly count: number;
}

interface Entry {
  readonly atMs: number;
  readonly number: number;
  run: (() => void) | null;
}

export function createEventQueue(): EventQueue {
  const heap: Entry[] = [];
  let nowMs = 0;
  let numbers = 0;
  let count = 0;

  const at = (atMs: number, run: () => void): Scheduled => {
    const entry: Entry = { atMs: Math.max(nowMs, atMs), number: numbers++, run };
    push(heap, entry);
    return {
      cancel: () => {
        entry.run = null;
      },
    };
  };

  return {
    nowMs: () => nowMs,
    at,
    after: (ms, run) => at(nowMs + ms, run),
    get count() {
      return count;
    },
    run: ({ untilMs, done }) =>
      new Promise((resolve, reject) => {
        const step = () => {
          if (done?.()) return resolve('done');
          const entry = nextOf(heap);
          if (entry === undefined) return resolve('empty');
          if (entry.atMs > untilMs) {
            nowMs = untilMs;
            return resolve('time');
          }
          pop(heap);
          nowMs = entry.atMs;
          count += 1;
          try {
            entry.run?.();
          } catch (error) {
            return reject(error);
          }
          whenIdle(step);
        };
        whenIdle(step);
      }),
  };
}

/**
 * Runs `then` when everything that needs no time has run: ticks that are asked for in a microtask run
 * when no microtask is left. A tenth of the cost of a turn of the event loop.
 */
function whenIdle(then: () => void): void {
  queueMicrotask(() => process.nextTick(then));
}

/** Of a binary heap, without what was cancelled. */
function nextOf(heap: Entry[]): Entry | undefined {
  while (heap[0] !== undefined && heap[0].run === null) pop(heap);
  return heap[0];
}

function earlier(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
}

function push(heap: Entry[], entry: Entry): void {
  let index = heap.push(entry) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !earlier(entry, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    let below = heap[child];
    if (below === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && earlier(right, below)) {
      child += 1;
      below = right;
    }
    if (!earlier(below, last)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
}
