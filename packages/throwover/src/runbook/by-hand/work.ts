/**
 * The manual work for a step, for use when throwover is not available. Pure data: providers make
 * it, runs/by-hand.ts puts it in place.
 */

/**
 * Commands that are typed in one place, one after another. Each ends with exit code 0 on success.
 */
export interface HandWork {
  /**
   * Region on whose database machine they are typed; `null`: any machine with the tools and the
   * rights.
   */
  readonly on: string | null;
  /** The effect of the commands, in one sentence. */
  readonly says: string;
  /** Lines for bash. */
  readonly lines: readonly string[];
  /**
   * Name of the value that they show last. A person notes it down, because later commands ask for
   * it.
   */
  readonly shows?: string;
  /** Name of the value that they ask for. */
  readonly asks?: string;
}

/** A step by hand, or the reason why there is nothing to do for it. */
export type ByHand =
  | { readonly none: string }
  | {
      readonly work: readonly HandWork[];
      /** The visible sign of success. */
      readonly look: string;
      /** The action if that sign is missing. Absent: take back everything done so far. */
      readonly ifNot?: string;
      /** Commands that take the step back, or the reason why that is impossible or not needed. */
      readonly back: readonly HandWork[] | { readonly none: string };
    };

/**
 * Returns a command that retries every second until `command` prints `answer`; exit code 1 if it
 * does not within this many seconds.
 */
export function untilAnswers(command: string, answer: string, seconds: number): string {
  return `n=0; until [ "$(${command})" = ${answer} ] || [ $((++n)) -gt ${seconds} ]; do sleep 1; done; [ $n -le ${seconds} ]`;
}
