import { type Plan, planDigest } from '../../store/store.ts';
import { runbookErrors } from '../errors.ts';

/**
 * Shortest part of a digest that is accepted as approval, hex digits: 48 bits are enough to tell
 * the plans of one day apart.
 */
const shortestDigest = 12;

/** Its constructor stays in this file, so that only `approve` makes one. */
class ApprovedMandate {
  readonly by: string;
  readonly digest: string;
  readonly overrides: readonly string[];
  /** A second person who approved the same digest; `null` if there is none. */
  readonly second: string | null;
  readonly #approved = true;

  constructor(approval: Pick<ApprovedMandate, 'by' | 'digest' | 'overrides' | 'second'>) {
    this.by = approval.by;
    this.digest = approval.digest;
    this.overrides = approval.overrides;
    this.second = approval.second;
  }

  /** Whether it was made for this plan in its present form. */
  covers(plan: Plan): boolean {
    return this.#approved && this.digest === planDigest(plan);
  }
}

/** One person's permission to carry out one plan. Executing a plan requires one. */
export type Mandate = ApprovedMandate;

/**
 * Returns the permission to carry out this plan. `digest` is the digest that the operator read and
 * typed, whole or at least its first 12 digits. Errors: another digest; a refusal that is not
 * overridden by name; an override that no guard asks for or may ask for (a typing mistake must not
 * look like consent); a second approver who is the first. The caller's policy decides whether a
 * second approver is needed.
 */
export function approve(
  plan: Plan,
  approval: { digest: string; by: string; overrides: readonly string[]; second?: string },
): Mandate {
  const digest = planDigest(plan);
  if (approval.digest.length < shortestDigest || !digest.startsWith(approval.digest)) {
    const { digest: given } = approval;
    const text = `${given} is not the digest of this plan`;
    throw runbookErrors.make('digest-mismatch', text, { digest, given });
  }
  const refusals = plan.guards.flatMap((guard) => guard.refusals);
  const standing = refusals.filter(
    ({ override }) => override === null || !approval.overrides.includes(override),
  );
  if (standing.length > 0) {
    const text = standing.map(({ error }) => `${error.code}: ${error.message}`).join('; ');
    throw runbookErrors.make('plan-refused', text, { refusals: standing });
  }
  const possible = [
    ...refusals.map(({ override }) => override),
    ...plan.guards.flatMap(({ mayAsk = [] }) => mayAsk),
  ];
  const unknown = approval.overrides.filter((name) => !possible.includes(name));
  if (unknown.length > 0) {
    throw runbookErrors.make('override-unknown', `nothing asks for ${unknown.join(', ')}`, {
      unknown,
      possible,
    });
  }
  const { by, overrides, second = null } = approval;
  if (second === by) {
    throw runbookErrors.make('second-is-first', `${by} cannot be the second approver too`, { by });
  }
  return new ApprovedMandate({ by, digest, overrides: [...overrides], second });
}
