import type { ScenarioOptions } from '../scenario.ts';

/** A deliberate bug: exact text of one file of the product, and its replacement. */
export interface Mutation {
  /** Kebab-case; names it on the command line. */
  readonly name: string;
  /** The wrong behaviour of the product, in one sentence. */
  readonly what: string;
  readonly edits: readonly Edit[];
  /** Kinds of seeds in which the bug can show; all when left out. */
  readonly options?: ScenarioOptions;
}

export interface Edit {
  /** Path below packages/, for example `throwover/src/authority/guard/guard.ts`. */
  readonly file: string;
  /** Must occur exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** Returns a function that makes edits of files below this folder of packages/. */
export const editsIn =
  (folder: string) =>
  (file: string, find: string, replace: string): Edit => ({
    file: `${folder}/${file}`,
    find,
    replace,
  });

/**
 * Returns the source with the edits of this file; throws when a text does not occur exactly once.
 */
export function mutated(source: string, edits: readonly Edit[]): string {
  return edits.reduce((text, { file, find, replace }) => {
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(`${file}: found ${parts.length - 1} times, not once: ${find}`);
    }
    return parts.join(replace);
  }, source);
}
