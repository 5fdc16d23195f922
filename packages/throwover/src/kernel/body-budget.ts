/**
 * Memory for the bodies of requests that nobody has checked yet. A small body is always read. Larger
 * ones share a bound: strangers who send many of them at once are refused, and the process keeps its
 * memory.
 */
export class BodyBudget {
  readonly #smallBytes: number;
  #leftBytes: number;

  /** `smallBytes`: of each body, not counted. `sharedBytes`: of all bodies beyond that, at once. */
  constructor({ smallBytes, sharedBytes }: { smallBytes: number; sharedBytes: number }) {
    this.#smallBytes = smallBytes;
    this.#leftBytes = sharedBytes;
  }

  /** Begins one body. Whoever begins it ends it, however its request ends. */
  begin(): BodyShare {
    let bytes = 0;
    let counted = 0;
    return {
      take: (more) => {
        bytes += more;
        const wanted = Math.max(0, bytes - this.#smallBytes) - counted;
        if (wanted > this.#leftBytes) return false;
        this.#leftBytes -= wanted;
        counted += wanted;
        return true;
      },
      end: () => {
        this.#leftBytes += counted;
        counted = 0;
      },
    };
  }
}

/** The part of one body. */
export interface BodyShare {
  /** Counts bytes that are about to be held. Returns false if there is no room for them. */
  take(bytes: number): boolean;
  /** Gives everything back. */
  end(): void;
}
