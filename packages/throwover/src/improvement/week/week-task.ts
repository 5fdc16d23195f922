/** One task of a week. Pure. */
import { isoTime } from '../../kernel/kernel.ts';
import type { AuditFacts } from '../audit.ts';

export interface WeekTask {
  /** Unique name within the service, the same each week: `truth dns`, `finding F7`. */
  readonly key: string;
  /**
   * True when `throwover week done KEY`, given by its person, completes it; otherwise only evidence
   * does.
   */
  readonly byWord: boolean;
  /** Null: nobody is named; fix that first. */
  readonly person: string | null;
  readonly what: string;
  readonly why: string;
  readonly how: string;
  /** True when `how` is a command; otherwise it is a sentence. */
  readonly command: boolean;
  readonly minutes: number;
  /** The moment from which the task is late; null: some time this week. */
  readonly dueWallMs: number | null;
  /** Whether its evidence, or its owner's statement, exists. */
  readonly done: boolean;
}

type OnCall = Pick<AuditFacts, 'onCall'>;

/** Returns the owner; null when that person is no longer on call. */
export function onCallOr(owner: string | null, { onCall }: OnCall): string | null {
  return owner !== null && onCall.includes(owner) ? owner : null;
}

/** Returns the owner of a truth, if that person is on call. */
export function ownerOf(
  truth: string,
  facts: OnCall & Pick<AuditFacts, 'subjects'>,
): string | null {
  const subject = facts.subjects.find(({ kind, name }) => kind === 'truth' && name === truth);
  return onCallOr(subject?.owner ?? null, facts);
}

export const day = (wallMs: number) => isoTime(wallMs).slice(0, 10);

/** Returns the last day on which the task is in time. */
export const lastDay = (dueWallMs: number) => day(dueWallMs - 1);
