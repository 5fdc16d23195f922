/**
 * What must hold, read from what happened and from nothing in the code under test.
 *
 *   facts.ts    a history, read once
 *   writers.ts  A1, A2: who wrote, what was lost, with which proof
 *   control.ts  A3, A5, A9: openness, journals, tokens, convergence
 */
import type { World } from '../world/world.ts';
import {
  claimsFirst,
  converges,
  epochsAfterPromotions,
  intentsFirst,
  looksBeforeRepeats,
  newestToken,
  noBugs,
  nobodyNeedsToType,
  oneVoice,
  opensOnAWord,
  readsAreTrue,
  standbyReturns,
  staysOpen,
  webhooksArrive,
} from './control.ts';
import { type Ending, factsOf, type Violation } from './facts.ts';
import {
  idsOnce,
  ledgerIsExact,
  lossWithinBound,
  nothingLost,
  oldSideCloses,
  oneWriter,
  provedPromotions,
  syncRecorded,
} from './writers.ts';

export type { Violation } from './facts.ts';

const rules = [
  noBugs,
  oneWriter,
  oldSideCloses,
  nothingLost,
  lossWithinBound,
  provedPromotions,
  idsOnce,
  ledgerIsExact,
  syncRecorded,
  staysOpen,
  opensOnAWord,
  nobodyNeedsToType,
  standbyReturns,
  intentsFirst,
  looksBeforeRepeats,
  newestToken,
  claimsFirst,
  oneVoice,
  epochsAfterPromotions,
  webhooksArrive,
  readsAreTrue,
  converges,
];

export function violationsOf(world: World, ending: Ending): readonly Violation[] {
  const facts = factsOf(world, ending);
  return rules.flatMap((rule) => rule(facts));
}
