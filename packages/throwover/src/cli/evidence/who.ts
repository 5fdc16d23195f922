import { improvementErrors } from '../../improvement/improvement.ts';
import { person, type Session } from '../session.ts';

/**
 * Returns the person of `onCall` who gives this command: `--as`, otherwise the login name. Throws
 * `owner-not-on-call`.
 */
export function whoGives({ loaded }: Pick<Session, 'loaded'>, as: string | undefined): string {
  return onCallPerson(loaded.service.onCall, as ?? person());
}

/**
 * Returns the person of `onCall` that a name stands for: `ana` is `ana@example.com` if only one
 * fits. Throws `owner-not-on-call`.
 */
export function onCallPerson(onCall: readonly string[], given: string): string {
  const named = onCall.filter((one) => one === given || one.split('@')[0] === given);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  throw improvementErrors.make(
    'owner-not-on-call',
    `expected one of ${onCall.join(', ')}; found "${given}"`,
    { onCall, given },
  );
}
