import { runbookErrors } from './errors.ts';
import { type Plan, planDigest } from './plan.ts';

/** Shortest part of a digest that approves, hex digits: 48 bits tell two plans of one day apart beyond doubt. */
const shortestDigest = 12;

/** Its constructor stays in this file, so that `approve` alone makes one. */
class ApprovedMandate {
  readonly by: string;
  readonly digest: string;
  readonly overrides: readonly string[];
  /** A second person who approved the same digest; null when nobody did. */
  readonly second: string | null;
  readonly #approved = true;

  constructor(approval: {
    by: string;
    digest: string;
    overrides: readonly string[];
    second: string | null;
  }) {
    this.by = approval.by;
    this.digest = approval.digest;
    this.overrides = approval.overrides;
    this.second = approval.second;
  }

  /** Whether it was made for this plan, as the plan is now. */
  covers(plan: Plan): boolean {
    return this.#approved && this.digest === planDigest(plan);
  }
}

/** The permission of one person to carry out one plan. What changes the world takes one. */
export type Mandate = ApprovedMandate;

/**
 * The permission to carry out this plan. `digest` is what the operator read and typed, whole or at
 * least its first 12 digits. Refused: another digest, a refusal that is not overridden by name, an
 * override that nothing asks for or may ask for (a typing mistake must not look like consent), a second approver who
 * is the first. Whether a second one is needed is the caller's policy.
 */
export function approve(
  plan: Plan,
  approval: { digest: string; by: string; overrides: readonly string[]; second?: string },
): Mandate {
  const digest = planDigest(plan);
  if (approval.digest.length < shortestDigest || !digest.startsWith(approval.digest)) {
    throw runbookErrors.make(
      'digest-mismatch',
      `${approval.digest} is not the digest of this plan`,
      {
        digest,
        given: approval.digest,
      },
    );
  }
  const refusals = plan.guards.flatMap((guard) => guard.refusals);
  const standing = refusals.filter(
    ({ override }) => override === null || !approval.overrides.includes(override),
  );
  if (standing.length > 0) {
    throw runbookErrors.make(
      'plan-refused',
      standing.map(({ error }) => `${error.code}: ${error.message}`).join('; '),
      { refusals: standing },
    );
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
