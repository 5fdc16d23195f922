/**
 * An error for users, with a stable code.
 *
 * Each folder declares its errors once with `defineErrors`. docs/errors.md lists them all, and a
 * test keeps both lists equal. A bug is an assertion (`assertNever`, `Error`), not one of these.
 */

import { redacted } from './redacted.ts';

/** retry: the same call may succeed. wait: something must change first. stop: do not go on. page: a person must decide. */
export const dispositions = ['retry', 'wait', 'stop', 'page'] as const;
export type Disposition = (typeof dispositions)[number];

/** How a command ends with this error, for scripts; docs/cli.md has the numbers. */
export const exits = ['usage', 'refused', 'undone', 'interrupted', 'otherRun', 'away'] as const;
export type Exit = (typeof exits)[number];

export interface ErrorDefinition {
  readonly disposition: Disposition;
  /** Absent: the command ran and did not succeed. */
  readonly exit?: Exit;
  /**
   * `false`: nobody answered, so whether the call took effect is not known. Unreachable is not dead.
   */
  readonly answered?: false;
  /**
   * The state that is still safe, in a sentence: "Nothing was changed.", "The journal is on disk."
   */
  readonly notLost: string;
  /** The next action, for a tired person: a command or a thing to look at. */
  readonly remedy: string;
}

export type Evidence = Readonly<Record<string, unknown>>;

/** Message and evidence hold no secret of a URL, wherever the error is shown or kept. */
export class ThrowoverError extends Error {
  readonly code: string;
  readonly disposition: Disposition;
  readonly exit: Exit | null;
  /** Whether somebody answered; see `ErrorDefinition`. */
  readonly answered: boolean;
  readonly notLost: string;
  readonly remedy: string;
  readonly evidence: Evidence;

  constructor(
    code: string,
    definition: ErrorDefinition,
    message: string,
    evidence: Evidence = {},
    cause?: unknown,
  ) {
    super(redacted(message), cause === undefined ? undefined : { cause });
    this.name = 'ThrowoverError';
    this.code = code;
    this.disposition = definition.disposition;
    this.exit = definition.exit ?? null;
    this.answered = definition.answered !== false;
    this.notLost = definition.notLost;
    this.remedy = definition.remedy;
    this.evidence = redactedIn(evidence);
  }

  toJSON(): ErrorJson {
    const { code, message, disposition, exit, answered, notLost, remedy, evidence } = this;
    return {
      ...{ code, message, disposition },
      ...(exit === null ? {} : { exit }),
      ...(answered ? {} : { answered }),
      ...{ notLost, remedy, evidence },
    };
  }

  /** Rebuilds the error after it crossed a wire. */
  static fromJSON(json: ErrorJson): ThrowoverError {
    return new ThrowoverError(json.code, json, json.message, json.evidence);
  }
}

/** Only texts at the top: what is deeper was made by errors, or is no URL of a configuration. */
function redactedIn(evidence: Evidence): Evidence {
  return Object.fromEntries(
    Object.entries(evidence).map(([name, value]) => [
      name,
      typeof value === 'string' ? redacted(value) : value,
    ]),
  );
}

export interface ErrorJson extends ErrorDefinition {
  readonly code: string;
  readonly message: string;
  readonly evidence: Evidence;
}

export interface ErrorCatalogue<Code extends string> {
  readonly definitions: Readonly<Record<Code, ErrorDefinition>>;
  /** Makes the error. The caller throws it, so that control flow stays visible. */
  make(code: Code, message: string, evidence?: Evidence, cause?: unknown): ThrowoverError;
}

export function defineErrors<Code extends string>(
  definitions: Readonly<Record<Code, ErrorDefinition>>,
): ErrorCatalogue<Code> {
  return {
    definitions,
    make: (code, message, evidence, cause) =>
      new ThrowoverError(code, definitions[code], message, evidence, cause),
  };
}

export function isThrowoverError(error: unknown, code?: string): error is ThrowoverError {
  return error instanceof ThrowoverError && (code === undefined || error.code === code);
}

export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

/** Returns an error as one line of a log: with its code, if it has one. */
export function errorLine(error: unknown): string {
  return isThrowoverError(error) ? `${error.code}: ${error.message}` : redacted(String(error));
}

/** Returns the error as text: code, what happened, what was not lost, what to do next. */
export function errorText(error: ThrowoverError): string {
  return [`${error.code}: ${error.message}`, error.notLost, `Next: ${error.remedy}`, ''].join('\n');
}
