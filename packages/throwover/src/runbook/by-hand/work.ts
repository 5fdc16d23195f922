/** What people do in place of a step, with nothing of throwover at hand. Pure data: providers make it, runs/by-hand.ts places it. */

/** Commands that are typed at one place, one after another. Each ends with exit code 0 when it has worked. */
export interface HandWork {
  /** Region at whose database machine they are typed; `null`: anywhere with the tools and the rights. */
  readonly on: string | null;
  /** What they do, in a sentence. */
  readonly says: string;
  /** Lines for bash. */
  readonly lines: readonly string[];
  /** Name of the value that they show last: it is noted down, since a later place asks for it. */
  readonly shows?: string;
  /** Name of the value that they ask for. */
  readonly asks?: string;
}

/** A step by hand; or why there is nothing to do for it. */
export type ByHand =
  | { readonly none: string }
  | {
      readonly work: readonly HandWork[];
      /** What is seen when it has worked. */
      readonly look: string;
      /** What to do when it is not seen; left out: take back what was done so far. */
      readonly ifNot?: string;
      /** Takes it back, or says why that cannot be or need not be. */
      readonly back: readonly HandWork[] | { readonly none: string };
    };

/** A value as one word for a shell. */
export function quoted(value: string): string {
  return /^[A-Za-z0-9_./:@%+,=-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Waits until the command answers so, a second between two tries; exit code 1 when it does not in so many seconds. */
export function untilAnswers(command: string, answer: string, seconds: number): string {
  return `n=0; until [ "$(${command})" = ${answer} ] || [ $((++n)) -gt ${seconds} ]; do sleep 1; done; [ $n -le ${seconds} ]`;
}
