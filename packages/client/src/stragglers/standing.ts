import { readFile } from 'node:fs/promises';
import { type Clock, within } from '../clock.ts';

/**
 * Whether a region serves or forwards requests, in the form that a front door gets it (`GET
 * /v1/door`).
 */
export type Standing =
  | { readonly mode: 'serve'; readonly epoch: number }
  | {
      readonly mode: 'forward';
      readonly epoch: number;
      /** The active region, and the base URL at which this region reaches it. */
      readonly region: string;
      readonly url: string;
    };

/**
 * Looks once; `null` when there is nothing to see yet. May be slow or fail: the last answer stays
 * in force.
 */
export type Look = () => Promise<Standing | null>;

/** Longest wait for the answer of `httpStanding`, ms. */
const httpDeadlineMs = 1_000;

/**
 * Reads the standing from a file: the state file of a door, or one that your own deployment writes.
 */
export function fileStanding(path: string): Look {
  return async () => {
    try {
      return parseStanding(JSON.parse(await readFile(path, 'utf8')));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  };
}

/** Reads the standing from a URL: `http://door-admin/v1/door`, or your own. */
export function httpStanding(url: string): Look {
  return async () => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(httpDeadlineMs) });
    if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
    return parseStanding(await answer.json());
  };
}

/**
 * Accepts a standing itself, a door's status (`current`), and a door's state file (`mode`). A hold
 * counts as `serve`.
 */
function parseStanding(value: unknown): Standing {
  const outer = asRecord(value);
  const inner = asRecord(
    outer['current'] ?? (typeof outer['mode'] === 'object' ? outer['mode'] : outer),
  );
  const { mode, epoch, region, url } = inner;
  if (typeof epoch !== 'number' || !Number.isInteger(epoch) || epoch < 0) {
    throw new TypeError('a standing without an epoch');
  }
  if (mode === 'serve' || mode === 'hold') return { mode: 'serve', epoch };
  if (mode !== 'forward' || typeof region !== 'string' || typeof url !== 'string') {
    throw new TypeError('a standing is to serve, or to forward to a region at a url');
  }
  if (!/^https?:$/.test(new URL(url).protocol)) throw new TypeError(`no way to forward to ${url}`);
  return { mode, epoch, region, url };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new TypeError('a standing is an object');
}

/**
 * Keeps the newest standing. It looks when a request comes and has no timer, so that it neither
 * needs a frozen function to run nor keeps a process from ending. It never goes back to an older
 * epoch than it has seen. Losing the source changes nothing: the last standing stays in force (A5).
 */
export class Standings {
  readonly #look: Look;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #patienceMs: number;
  readonly #onFailure: (cause: unknown) => void;
  #now: Standing;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | null = null;

  constructor(options: {
    look: Look;
    clock: Clock;
    initial: Standing;
    /** A look that is older than this is repeated, beside the request, ms. */
    everyMs: number;
    /**
     * After ten times `everyMs` the last look is out of date: a request waits this long for a new
     * one, ms.
     */
    patienceMs: number;
    onFailure: (cause: unknown) => void;
  }) {
    this.#look = options.look;
    this.#clock = options.clock;
    this.#now = options.initial;
    this.#everyMs = options.everyMs;
    this.#patienceMs = options.patienceMs;
    this.#onFailure = options.onFailure;
  }

  async current(): Promise<Standing> {
    const ageMs = this.#clock.monotonicMs() - this.#lookedMs;
    if (ageMs < this.#everyMs) return this.#now;
    this.#looking ??= this.#refresh().finally(() => {
      this.#looking = null;
    });
    if (ageMs >= 10 * this.#everyMs) await within(this.#clock, this.#patienceMs, this.#looking);
    return this.#now;
  }

  async #refresh(): Promise<void> {
    try {
      const seen = await this.#look();
      if (seen !== null && seen.epoch >= this.#now.epoch) this.#now = seen;
    } catch (cause) {
      this.#onFailure(cause);
    }
    // A source that fails is asked as often as one that answers, not for every request.
    this.#lookedMs = this.#clock.monotonicMs();
  }
}
