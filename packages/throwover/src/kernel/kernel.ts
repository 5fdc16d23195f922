/**
 * The domain-free base: time, random numbers, ids, errors, durations, quantiles, lines, files that
 * survive a power cut. Only this folder uses raw `Date`, `setTimeout` and `Math.random`.
 */
export { BodyBudget, type BodyShare } from './body-budget.ts';
export { canonicalJson } from './canonical-json.ts';
export { type Clock, dateAt, isoTime, systemClock, wallMsOfIso } from './clock.ts';
export {
  nullIfMissing,
  replaceDurably,
  syncPath,
  textOrNull,
  writeDurably,
} from './durable-file.ts';
export { type DurationKind, formatMs, parseDuration } from './durations.ts';
export { errorSchema } from './error-schema.ts';
export {
  assertNever,
  type Disposition,
  defineErrors,
  type ErrorCatalogue,
  type ErrorDefinition,
  type ErrorJson,
  type Evidence,
  type Exit,
  errorLine,
  errorText,
  isThrowoverError,
  ThrowoverError,
} from './errors.ts';
export { createEventQueue, type EventQueue, type Scheduled } from './event-queue.ts';
export { every, type Watching } from './every.ts';
export { newId } from './ids.ts';
export {
  atMost,
  closeServer,
  type Endpoint,
  impatience,
  isLoopback,
  listenAt,
  urlOf,
} from './listen.ts';
export { parityDifferences } from './parity.ts';
export { type Quantiles, quantileAt, quantiles } from './quantiles.ts';
export { type Random, seededRandom, systemRandom } from './random.ts';
export { redacted } from './redacted.ts';
export { inDoubleQuotes, shellWord } from './shell-word.ts';
export { QuantileSketch, relativeError, type SketchJson } from './sketch.ts';
export { sqliteCodeOf, sqliteCodes } from './sqlite-codes.ts';
export { TimeScale, unscaled } from './time-scale.ts';
export { noAnswer, orNull, withDeadline, within } from './within.ts';
export { maxColumns, wrap } from './wrap.ts';
