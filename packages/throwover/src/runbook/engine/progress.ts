import { assertNever, type ErrorJson, type Evidence } from '../../kernel/kernel.ts';
import type { JournalEvent } from '../../store/store.ts';
import { type Course, courseAfter, type Turning } from './course.ts';

/** The properties of a step that decide how its records count. */
interface StepNature {
  readonly name: string;
  readonly noReturn?: boolean;
  readonly keepsAcrossReplan?: true;
  readonly holdsForController?: true;
}

/** A person's request to take a run back. */
interface Abort {
  readonly by: string;
  readonly reason: string;
  /** Steps that may stay as they are when their undo fails. */
  readonly leave: readonly string[];
}

/** What the journal says of one step, besides its outcome. */
interface StepMarks {
  /** The evidence observed before its first act, under any plan; `null`: never requested. */
  readonly before: Evidence | null;
  /** It has an intent under the plan in force. */
  readonly requested: boolean;
  /** Its outcome was dropped, because it held for an earlier controller only. */
  readonly earlier: Evidence | null;
  readonly undo: 'none' | 'requested' | 'settled';
}

const unmarked: StepMarks = { before: null, requested: false, earlier: null, undo: 'none' };

/**
 * How far a run has come. It is built only from the journal (A9): a controller that begins and one
 * that resumes after a crash know the same, because both pass the same records to `note`.
 *
 * After `replanned` the steps belong to another plan. The changes so far still have to be taken
 * back if the run is undone, but an outcome still counts only for steps that say so.
 */
export class Progress {
  readonly #noReturn: ReadonlySet<string>;
  readonly #keeps: ReadonlySet<string>;
  readonly #holds: ReadonlySet<string>;
  readonly #outcomes = new Map<string, Evidence>();
  /** Steps that were requested or found done, in the order of their first intents. */
  readonly #marks = new Map<string, StepMarks>();
  readonly #passed = new Set<string>();
  #course: Course = 'unapproved';
  #failure: ErrorJson | null = null;
  #abort: Abort | null = null;

  constructor(steps: readonly StepNature[]) {
    const namesOf = (list: readonly StepNature[]) => new Set(list.map(({ name }) => name));
    this.#noReturn = namesOf(steps.filter(({ noReturn }) => noReturn));
    this.#keeps = namesOf(steps.filter(({ keepsAcrossReplan }) => keepsAcrossReplan));
    this.#holds = namesOf(steps.filter(({ holdsForController }) => holdsForController));
  }

  get course(): Course {
    return this.#course;
  }
  /** Evidence of the steps that are done, by name. */
  get outcomes(): ReadonlyMap<string, Evidence> {
    return this.#outcomes;
  }
  /** The run can only go forward. */
  get pastNoReturn(): boolean {
    return this.#course === 'past-no-return' || this.#course === 'held-by-earlier';
  }
  /**
   * Drops the outcomes that held for an earlier controller: their steps are carried out again. Only
   * when it is certain that no step of no return has happened.
   */
  dropHeld(): void {
    for (const step of this.#holds) {
      const evidence = this.#outcomes.get(step);
      if (evidence !== undefined) this.#mark(step, { earlier: evidence });
      this.#outcomes.delete(step);
    }
    this.#turn('seen-pending');
  }
  /** The evidence of a step whose outcome was dropped; `null` if there was none. */
  earlier(step: string): Evidence | null {
    return this.#marksOf(step).earlier;
  }
  /** The steps of no return that were passed. */
  get passed(): readonly string[] {
    return [...this.#passed];
  }
  /** Error of the last failed step. */
  get failure(): ErrorJson | null {
    return this.#failure;
  }
  /**
   * The person who asked to abort the run, with the reason; it stays in force until the run ends or
   * is replanned.
   */
  get abort(): Abort | null {
    return this.#abort;
  }
  /** Whether the step was requested under the plan in force. */
  hasIntent(step: string): boolean {
    return this.#marksOf(step).requested;
  }
  /** Whether this step was never requested in this run. */
  never(step: string): boolean {
    return !this.#marks.has(step);
  }
  /** The evidence observed before the step's first act. */
  before(step: string): Evidence | null {
    return this.#marksOf(step).before;
  }
  hasUndoIntent(step: string): boolean {
    return this.#marksOf(step).undo !== 'none';
  }
  /** Steps in which the run may have changed something that it has not taken back, in the order of their intents. */
  get owed(): readonly string[] {
    const owes = ([, { before, undo }]: [string, StepMarks]) =>
      before !== null && undo !== 'settled';
    return [...this.#marks].filter(owes).map(([step]) => step);
  }
  /** Steps whose outcomes still count under the next plan. */
  get kept(): readonly string[] {
    return [...this.#outcomes.keys()].filter((step) => this.#keepsOutcome(step));
  }

  note(event: JournalEvent): void {
    switch (event.type) {
      case 'mandate':
        this.#turn('mandate');
        return;
      case 'intent':
        this.#intent(event.step, event.observed);
        return;
      case 'outcome':
        this.#outcomes.set(event.step, event.evidence);
        this.#mark(event.step, {});
        this.#pass(event.step, 'no-return-done');
        return;
      case 'step-failed':
        this.#stepFailed(event);
        return;
      case 'abort-requested':
        this.#abort = { by: event.by, reason: event.reason, leave: event.leave ?? [] };
        this.#turn('abort-requested');
        return;
      case 'replanned':
        this.#replanned();
        return;
      case 'undo-intent':
        this.#mark(event.step, { undo: 'requested' });
        this.#turn('undo');
        return;
      case 'undo-outcome':
        this.#mark(event.step, { undo: 'settled' });
        this.#turn('undo');
        return;
      case 'taken-over':
        this.#takenOver();
        return;
      case 'ended':
        return;
      default:
        assertNever(event);
    }
  }

  #intent(step: string, observed: Evidence): void {
    const marks = this.#marksOf(step);
    // A step that was found done before its first intent gets its place among the intents now.
    if (marks.before === null) this.#marks.delete(step);
    // Done again after it was taken back under an earlier plan, so it has to be taken back again.
    const before = marks.before ?? observed;
    this.#marks.set(step, { ...marks, before, requested: true, undo: 'none' });
    this.#pass(step, 'no-return-requested');
  }

  #stepFailed({ step, error, turnedBack }: Extract<JournalEvent, { type: 'step-failed' }>): void {
    this.#failure = error;
    if (turnedBack) this.#passed.delete(step);
    this.#turn(this.pastNoReturn && this.#passed.size === 0 ? 'turned-back' : 'step-failed');
  }

  #takenOver(): void {
    if (!this.pastNoReturn) this.dropHeld();
    else if (!this.passed.some((step) => this.#outcomes.has(step))) this.#turn('taken-over');
  }

  #replanned(): void {
    for (const step of this.#outcomes.keys()) {
      if (!this.#keepsOutcome(step)) this.#outcomes.delete(step);
    }
    for (const step of this.#marks.keys()) this.#mark(step, { requested: false, earlier: null });
    this.#passed.clear();
    this.#failure = null;
    this.#abort = null;
    this.#turn('replanned');
  }

  #keepsOutcome(step: string): boolean {
    return this.#keeps.has(step) && this.#marksOf(step).undo === 'none';
  }

  #pass(step: string, turning: 'no-return-requested' | 'no-return-done'): void {
    if (!this.#noReturn.has(step)) return;
    this.#passed.add(step);
    this.#turn(turning);
  }

  #turn(turning: Turning): void {
    this.#course = courseAfter(this.#course, turning);
  }

  #marksOf(step: string): StepMarks {
    return this.#marks.get(step) ?? unmarked;
  }

  #mark(step: string, news: Partial<StepMarks>): void {
    this.#marks.set(step, { ...this.#marksOf(step), ...news });
  }
}
