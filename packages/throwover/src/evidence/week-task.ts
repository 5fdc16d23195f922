/** One task of a week. Pure. */
import { isoTime } from '../kernel/kernel.ts';
import type { AuditFacts } from './audit.ts';

export interface WeekTask {
  /** Names it within its service, the same week after week: `truth dns`, `finding F7`. */
  readonly key: string;
  /** `throwover week done KEY` of its person ends it; else evidence alone does. */
  readonly byWord: boolean;
  /** Null: nobody is named, which is the first thing to mend. */
  readonly person: string | null;
  readonly what: string;
  readonly why: string;
  readonly how: string;
  /** `how` is a command; else it is a sentence. */
  readonly command: boolean;
  readonly minutes: number;
  /** The moment from which on it is late; null: some time this week. */
  readonly dueWallMs: number | null;
  /** Its evidence, or its owner's word, is there. */
  readonly done: boolean;
}

type OnCall = Pick<AuditFacts, 'onCall'>;

/** Somebody who is no longer on call owns nothing this week. */
export function onCallOr(owner: string | null, { onCall }: OnCall): string | null {
  return owner !== null && onCall.includes(owner) ? owner : null;
}

/** Who owns a truth, where that person is on call. */
export function ownerOf(
  truth: string,
  facts: OnCall & Pick<AuditFacts, 'subjects'>,
): string | null {
  const subject = facts.subjects.find(({ kind, name }) => kind === 'truth' && name === truth);
  return onCallOr(subject?.owner ?? null, facts);
}

export const day = (wallMs: number) => isoTime(wallMs).slice(0, 10);

/** The last day on which it is in time. */
export const lastDay = (dueWallMs: number) => day(dueWallMs - 1);
