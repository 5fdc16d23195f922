import { isoTime } from '../kernel/kernel.ts';

/** Something that a person must see to. It stands as long as its cause does. */
export interface Alarm {
  readonly code:
    | 'files-not-usable'
    | 'certificate-not-accepted'
    | 'certificate-not-yet-valid'
    | 'certificate-expires'
    | 'authority-expires'
    | 'revocations-outdated'
    | 'memory-damaged'
    | 'memory-lost'
    | 'memory-not-written'
    | 'memory-full';
  /** Which certificate or file it is about. With `code` and `level` it identifies the alarm. */
  readonly subject: string;
  /** How near the date is: an alarm that comes nearer is a new one. */
  readonly level: '30 days' | '7 days' | 'now';
  /** For people. */
  readonly said: string;
}

/** Something that ends at a date. */
export interface Dated {
  readonly code: 'certificate-expires' | 'authority-expires' | 'revocations-outdated';
  readonly subject: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** What to do, for people. */
  readonly remedy: string;
}

const dayMs = 86_400_000;
const levels = [
  { level: '7 days', ms: 7 * dayMs },
  { level: '30 days', ms: 30 * dayMs },
] as const;

/**
 * Returns the alarm about a date, if there is one: 30 and 7 days ahead, and when it has come. A notice
 * ahead needs a life of more than twice its time: a list that is made anew each week would otherwise
 * be an alarm on every day, and people would look away.
 */
export function expiryAlarm(dated: Dated, nowWallMs: number): Alarm | null {
  const { code, subject, fromMs, untilMs, remedy } = dated;
  const at = isoTime(untilMs);
  if (nowWallMs > untilMs) {
    return { code, subject, level: 'now', said: `${subject} expired at ${at}. ${remedy}` };
  }
  const near = levels.find(({ ms }) => nowWallMs >= untilMs - ms && untilMs - fromMs > 2 * ms);
  return near === undefined
    ? null
    : { code, subject, level: near.level, said: `${subject} expires at ${at}. ${remedy}` };
}

/** Returns whether two alarms tell of the same thing. */
export function sameAlarm(one: Alarm, other: Alarm): boolean {
  return one.code === other.code && one.subject === other.subject && one.level === other.level;
}
