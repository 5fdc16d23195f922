import type { DatabaseStatus } from '../../authority/authority.ts';
import { isThrowoverError } from '../../kernel/kernel.ts';
import { maxCounter, type ServiceState } from '../../store/store.ts';
import { answer } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { type Session, serviceState } from '../session.ts';

/**
 * The way back when a guard has seen a higher token than the store would give: a stranger sent one,
 * or the store was put back from an older backup. Guards never forget a token, because that is what
 * locks an older controller out; so the store goes on above it.
 */
export const renumber = answer({
  name: 'renumber',
  says: 'Let the store continue above the highest token that a guard has seen, after a restored backup or a stray command',
  look: async (session) => {
    const before = await serviceState(session);
    const statuses = await everyStatus(session);
    const highest = Math.max(...statuses.map(highestSeen));
    if (highest <= before.token) return { before: before.token, after: before.token, highest };
    mustBeRoom(highest);
    mustBeSafe(before, statuses);
    const { name, regions, active, epoch, openRun } = before;
    const { token: after } = await session.parts.store.registerService({
      ...{ name, regions: [...regions], active },
      atLeast: { epoch, token: highest, ...(openRun === null ? {} : { openRun }) },
    });
    return { before: before.token, after, highest };
  },
  text: ({ before, after, highest }) =>
    after === before
      ? `Nothing to do: the guards have seen tokens up to ${highest}, and the store has given ${before}.`
      : `The store has given tokens up to ${before}; the next one is ${after + 1}, above every token that a guard has seen.\nNext: \`throwover check\`. See who sent the guards such a token, if the store was not put back from a backup.`,
});

/** Commands with a token up to this one are refused: seen from another run, or renounced. */
export function highestSeen({ token, renounced }: DatabaseStatus): number {
  return Math.max(token, renounced);
}

/** A guard that does not answer may have seen more than the others. */
async function everyStatus({ parts }: Session): Promise<readonly DatabaseStatus[]> {
  return Promise.all(
    parts.regions.map(async ({ name, database }) => {
      try {
        return await database.status();
      } catch (error) {
        if (!isThrowoverError(error)) throw error;
        const message = `no answer from the guard of ${name}, which may have seen a higher token`;
        throw cliErrors.make('parts-away', message, { region: name }, error);
      }
    }),
  );
}

function mustBeRoom(highest: number): void {
  if (highest < maxCounter) return;
  throw cliErrors.make(
    'tokens-used-up',
    `a guard has seen token ${highest}, and there is none above ${maxCounter}`,
    { highest, maxCounter },
  );
}

/**
 * While a run is open its next controller would act with a token that every guard obeys. The run of
 * a store that was put back may have gone on elsewhere, so the guards must know of no promotion that
 * the store does not know.
 */
function mustBeSafe({ openRun, epoch }: ServiceState, statuses: readonly DatabaseStatus[]): void {
  if (openRun === null) return;
  const newer = statuses.filter(
    ({ known, accepted, promotion }) =>
      Math.max(known.epoch, accepted?.epoch ?? 0, promotion?.epoch ?? 0) > epoch,
  );
  if (newer.length === 0) return;
  const regions = newer.map(({ region }) => region);
  throw cliErrors.make(
    'run-went-on',
    `run ${openRun} is open in the store, in epoch ${epoch}, and the guard of ${regions.join(' and ')} knows of a newer promotion`,
    { openRun, epoch, regions },
  );
}
