import type { ScenarioOptions } from '../scenario.ts';

/** A deliberate bug: exact text of one file of the product, and what stands there instead. */
export interface Mutation {
  /** Kebab-case; names it on the command line. */
  readonly name: string;
  /** What the product would do wrong, in a sentence. */
  readonly what: string;
  readonly edits: readonly Edit[];
  /** Kinds of seeds in which it can show; all when left out. */
  readonly options?: ScenarioOptions;
}

export interface Edit {
  /** Below packages/, for example `throwover/src/authority/guard/guard.ts`. */
  readonly file: string;
  /** Must stand there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** The source with the edits of this file; throws when a text is not there exactly once. */
export function mutated(source: string, edits: readonly Edit[]): string {
  return edits.reduce((text, { file, find, replace }) => {
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(`${file}: found ${parts.length - 1} times, not once: ${find}`);
    }
    return parts.join(replace);
  }, source);
}
