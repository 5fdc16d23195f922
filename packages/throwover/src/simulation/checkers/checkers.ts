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
import * as control from './control.ts';
import { type Ending, factsOf } from './facts.ts';
import * as unattended from './unattended.ts';
import * as writers from './writers.ts';

export { misledDoors } from './unattended.ts';

/**
 * The rules by name: each returns, as sentences, how a history breaks it. Each can be broken:
 * `npm run mutate` lists the mutations that break it.
 */
const rules = {
  bug: control.noBugs,
  'one-cluster': writers.oneCluster,
  'one-writer': writers.oneWriter,
  'old-side-closes': writers.oldSideCloses,
  'nothing-lost': writers.nothingLost,
  'loss-bound': writers.lossWithinBound,
  proof: writers.provedPromotions,
  'ids-once': writers.idsOnce,
  'ledger-exact': writers.ledgerIsExact,
  'sync-recorded': writers.syncRecorded,
  'stays-open': control.staysOpen,
  'opens-on-a-word': control.opensOnAWord,
  'sides-change-in-rows': control.sidesChangeInRows,
  'fence-ends': control.nobodyNeedsToType,
  'standby-returns': control.standbyReturns,
  'intent-first': control.intentsFirst,
  'looks-again': control.looksBeforeRepeats,
  'newest-token': control.newestToken,
  'claims-first': control.claimsFirst,
  'one-voice': control.oneVoice,
  'epoch-order': control.epochsAfterPromotions,
  'webhooks-arrive': control.webhooksArrive,
  'reads-true': control.readsAreTrue,
  'success-is-open': control.successIsOpen,
  converges: control.converges,
  'standing-allows': unattended.standingAllows,
  'halt-stops': unattended.haltStops,
  'silent-long-enough': unattended.silentLongEnough,
  'one-open-run': unattended.oneOpenRun,
  'never-back-by-itself': unattended.neverBackByItself,
  'open-runs-end': unattended.openRunsEnd,
  'leaves-the-living': unattended.leavesTheLivingAlone,
  'doors-agree': unattended.doorsAgree,
};

type RuleName = keyof typeof rules;

export const ruleNames = Object.keys(rules) as RuleName[];

export interface Violation {
  readonly rule: RuleName;
  readonly text: string;
}

export function violationsOf(world: World, ending: Ending): readonly Violation[] {
  const facts = factsOf(world, ending);
  return ruleNames.flatMap((rule) => rules[rule](facts).map((text) => ({ rule, text })));
}
