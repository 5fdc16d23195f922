import { commandOf, type DatabaseSide } from '../authority/authority.ts';
import { type Clock, type Evidence, noAnswer, within } from '../kernel/kernel.ts';
import type { RunIdentity } from '../runbook/runbook.ts';
import { guardPatienceMs } from './timings.ts';

/**
 * Tells both guards the newest token, so that they refuse every command of an older controller. A
 * takeover does this first. A guard that does not answer is named in the evidence: the older
 * controller's commands do not reach it either, and each later effect sends the token again.
 */
export function claim(
  sides: readonly DatabaseSide[],
  clock: Clock,
): (run: RunIdentity) => Promise<Evidence> {
  return async (run) => {
    const { token } = run;
    const answers = await Promise.all(
      sides.map(async (side) => {
        const answer = await within(clock, guardPatienceMs, side.admit(commandOf(run)));
        return [side.region, answer === noAnswer ? 'no answer' : 'claimed'] as const;
      }),
    );
    return { token, ...Object.fromEntries(answers) };
  };
}
