/**
 * The invariants, checked on the history and independent of the code under test.
 *
 *   facts.ts    a history, read once
 *   writers.ts  A1, A2: who wrote, what was lost, with which proof
 *   meddled.ts  windows in which another party let writers in
 *   control.ts  A3, A5, A9: openness, journals, tokens, convergence
 *   unattended.ts  A8: runs and doors that `throwover serve` changes by itself
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
  sidesChangeInRows,
  standbyReturns,
  staysOpen,
  successIsOpen,
  webhooksArrive,
} from './control.ts';
import { type Ending, factsOf, type Violation } from './facts.ts';
import {
  doorsAgree,
  haltStops,
  leavesTheLivingAlone,
  neverBackByItself,
  oneOpenRun,
  openRunsEnd,
  silentLongEnough,
  standingAllows,
} from './unattended.ts';
import {
  idsOnce,
  ledgerIsExact,
  lossWithinBound,
  nothingLost,
  oldSideCloses,
  oneCluster,
  oneWriter,
  provedPromotions,
  syncRecorded,
} from './writers.ts';

export type { Violation } from './facts.ts';
export { misledDoors } from './unattended.ts';

const rules = [
  noBugs,
  oneCluster,
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
  sidesChangeInRows,
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
  successIsOpen,
  converges,
  standingAllows,
  haltStops,
  silentLongEnough,
  oneOpenRun,
  neverBackByItself,
  openRunsEnd,
  leavesTheLivingAlone,
  doorsAgree,
];

export function violationsOf(world: World, ending: Ending): readonly Violation[] {
  const facts = factsOf(world, ending);
  return rules.flatMap((rule) => rule(facts));
}
