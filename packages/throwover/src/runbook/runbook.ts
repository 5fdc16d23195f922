/**
 * The engine: it knows steps, but no domain.
 *
 *   step.ts        the types of a step and a guard
 *   observe.ts     short forms for the results of an observation
 *   outcome.ts     what a done step leaves in the journal, with its shape
 *   plan/          a runbook applied to today's facts, as data with a digest; guards; the mandate
 *   engine/        carries a run out, or on:
 *     execute.ts       from its beginning, or from the point that an earlier controller reached
 *     opening.ts       gets the run: a new one, or one of an earlier controller
 *     assemble.ts      makes the controller that carries it out
 *     entering.ts      its first records (mandate, takeover, abort, replan), and the run's direction
 *     turn-back.ts     finds out whether a requested step of no return can still be turned back
 *     forward.ts       carries the steps out, those of a group at the same time
 *     carry-out.ts     one step forward
 *     pace.ts          reports when a step is slow or stuck
 *     history.ts       how long steps took in earlier runs
 *     undo.ts          takes the steps back
 *     repeats.ts       how often and how soon an act is repeated
 *     controller.ts    the state of one controller, and its interruptions
 *     progress.ts      how far a run has come, from its journal
 *     course.ts        which way it can still go
 *     journal.ts       writes records in order
 *     lease.ts         renews the lease of the run
 *     events.ts        the events for observers
 *   by-hand/       a run as manual instructions: document.ts work.ts; printed: page.ts markdown.ts html.ts
 */

// The store keeps plans, so it knows their shape and their digest.
export { type Plan, planDigest, storedPlan } from '../store/store.ts';
// Under the name by which providers/http/by-hand.ts knows it.
export { documentDigest, type HandDocument, stepDigest } from './by-hand/document.ts';
export { markdownOf } from './by-hand/markdown.ts';
export { pageOf } from './by-hand/page.ts';
export { driftOf, readPrinted, withHeader } from './by-hand/printed.ts';
export { type ByHand, type HandWork, untilAnswers } from './by-hand/work.ts';
export { courseRows, courses, turnings } from './engine/course.ts';
export type { RunEvent } from './engine/events.ts';
export { executeRun, type RunResult } from './engine/execute.ts';
export { expectedOf } from './engine/history.ts';
export type { ExecuteOptions } from './engine/opening.ts';
export { runbookErrors } from './errors.ts';
export { done, look, Patience, pending, refused } from './observe.ts';
export { stepOutcome } from './outcome.ts';
export { checkGuards } from './plan/guards.ts';
export { approve, type Mandate } from './plan/mandate.ts';
export { makePlan } from './plan/plan.ts';
export type { Guard, Observation, Refusal, RunIdentity, Step, StepContext } from './step.ts';
