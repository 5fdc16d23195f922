import type { DatabaseSide } from '../authority/database-side.ts';
import { type Clock, type Evidence, noAnswer, within } from '../kernel/kernel.ts';
import type { RunIdentity } from '../runbook/step.ts';
import { guardPatienceMs } from './timings.ts';

/**
 * Both guards know the newest token, so that whatever an older controller still sends them is refused:
 * first thing of a takeover. A guard that does not answer is named in the evidence: it cannot act on
 * what does not reach it, and each effect asks its guard again.
 */
export function claim(
  sides: readonly DatabaseSide[],
  clock: Clock,
): (run: RunIdentity) => Promise<Evidence> {
  return async ({ token }) => {
    const answers = await Promise.all(
      sides.map(async (side) => {
        const answer = await within(clock, guardPatienceMs, side.admit(token));
        return [side.region, answer === noAnswer ? 'no answer' : 'claimed'] as const;
      }),
    );
    return { token, ...Object.fromEntries(answers) };
  };
}
