/**
 * The engine: knows steps, no domain.
 *
 *   step.ts        what a step and a guard are
 *   observe.ts     short forms for what a look says
 *   plan.ts        a runbook applied to today's facts, as data with a digest
 *   guards.ts      asks the guards
 *   mandate.ts     the permission for one digest
 *   execute.ts     carries a run out, or on
 *   opening.ts     gets the run: a new one, or an earlier controller's
 *   assemble.ts    makes the controller that carries it out
 *   entering.ts    its first records: mandate, takeover, abort, replan; which way the run goes
 *   turn-back.ts   whether a step of no return that was asked for can still be turned back from
 *   forward.ts     the steps forward, those of a group at once
 *   carry-out.ts   one step forward
 *   pace.ts        says when a step is slow or stuck
 *   history.ts     how long steps took in earlier runs
 *   undo.ts        the steps back
 *   repeats.ts     how often and how soon an act is repeated
 *   controller.ts  what one controller has at hand, and what interrupts it
 *   progress.ts    how far the journal says that a run has come
 *   journal.ts     writes records in order
 *   lease.ts       keeps the run
 *   events.ts      what is told to whoever watches
 *   by-hand/       a run as a document that people can follow: work.ts document.ts; page.ts markdown.ts html.ts printed.ts
 */
export type { RunEvent } from './events.ts';
export { executeRun, type RunResult } from './execute.ts';
export { checkGuards } from './guards.ts';
export { expectedOf } from './history.ts';
export { approve, type Mandate } from './mandate.ts';
export type { ExecuteOptions } from './opening.ts';
export { makePlan, type Plan, planDigest, storedPlan } from './plan.ts';
