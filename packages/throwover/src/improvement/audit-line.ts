/** A subject of the operating test, and one line of its result. Pure. */

import { dayMs, type Refresh, refreshCommand } from '../records/records.ts';

/** A truth or a change that must pass the operating test. */
export interface Subject {
  readonly kind: 'truth' | 'change';
  readonly name: string;
  /** The claim in a few words. */
  readonly title: string;
  readonly panel: string | null;
  readonly step: string | null;
  readonly owner: string | null;
  readonly task: { readonly title: string; readonly how: string; readonly minutes: number } | null;
}

export const keyOf = ({ kind, name }: Pick<Subject, 'kind' | 'name'>) => `${kind} ${name}`;

export const auditRules = {
  panel: 'a dashboard panel whose metric has fresh data',
  step: 'a runbook step that ran in the last quarter',
  owner: 'a named engineer who is on call',
  task: 'a weekly task that its owner did in the last 7 days',
  drill: 'a drill that went there and back in the last quarter',
  drivers: 'enough of the rota that drove in the last 180 days',
  findings: 'no finding past its date, or too long without an owner',
  runbook: 'printed runbooks that are those of today',
  review: 'a review that its owner has answered',
} as const;
export type AuditRule = keyof typeof auditRules;

export interface AuditLine {
  /** `truth dns`, `change warm-standby`. */
  readonly subject: string;
  readonly rule: AuditRule;
  readonly ok: boolean;
  /** The evidence that was found, or that is missing. */
  readonly says: string;
  /** The action that makes the line true; null when it is true. */
  readonly todo: Todo | null;
  readonly owner: string | null;
}

/** The work that makes a failed line pass: a new measurement, or an act of a person. */
export type Todo = Refresh | { readonly kind: 'act'; readonly how: string };

export function todoText(todo: Todo): string {
  return todo.kind === 'act' ? todo.how : refreshCommand(todo);
}

export type Said = Pick<AuditLine, 'ok' | 'says' | 'todo'>;

export const yes = (says: string): Said => ({ ok: true, says, todo: null });
export const no = (says: string, todo: string | Refresh): Said => ({
  ok: false,
  says,
  todo: typeof todo === 'string' ? { kind: 'act', how: todo } : todo,
});

export function line(subject: Subject, rule: AuditRule, said: Said): AuditLine {
  return { subject: keyOf(subject), rule, ...said, owner: subject.owner };
}

/** Returns the age in days from two days on, otherwise in hours. */
export function since(ms: number): string {
  if (ms >= 2 * dayMs) return `${Math.floor(ms / dayMs)} d`;
  const hours = Math.floor(ms / 3_600_000);
  return hours === 0 ? 'under 1 h' : `${hours} h`;
}
