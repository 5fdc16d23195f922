import { assertNever, type ErrorJson, type Evidence } from '../../kernel/kernel.ts';
import type { JournalEvent } from '../../store/store.ts';

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
  /** First intent of each step under any plan, in the order in which they were journaled. */
  readonly #firstIntents = new Map<string, Evidence>();
  /** Steps with an intent under the plan in force. */
  readonly #intents = new Set<string>();
  readonly #everDone = new Set<string>();
  readonly #passed = new Set<string>();
  readonly #earlier = new Map<string, Evidence>();
  readonly #undoIntents = new Set<string>();
  readonly #settledUndos = new Set<string>();
  #failure: ErrorJson | null = null;
  #abort: Abort | null = null;
  #mandated = false;
  #undoing = false;
  #heldByEarlier = false;

  constructor(steps: readonly StepNature[]) {
    const namesOf = (list: readonly StepNature[]) => new Set(list.map(({ name }) => name));
    this.#noReturn = namesOf(steps.filter(({ noReturn }) => noReturn));
    this.#keeps = namesOf(steps.filter(({ keepsAcrossReplan }) => keepsAcrossReplan));
    this.#holds = namesOf(steps.filter(({ holdsForController }) => holdsForController));
  }

  /** Evidence of the steps that are done, by name. */
  get outcomes(): ReadonlyMap<string, Evidence> {
    return this.#outcomes;
  }
  /** A person approved the run's plan. */
  get mandated(): boolean {
    return this.#mandated;
  }
  /**
   * The run can only go forward: a step of no return has an intent, or was found done, and was not
   * turned back.
   */
  get pastNoReturn(): boolean {
    return this.#passed.size > 0;
  }
  /**
   * An earlier controller requested the step of no return, on outcomes that held for that
   * controller only. Whether the step happened is not in the journal.
   */
  get heldByEarlier(): boolean {
    return this.#heldByEarlier;
  }
  /** Drops the outcomes that held for an earlier controller: their steps are carried out again. */
  dropHeld(): void {
    for (const step of this.#holds) {
      const evidence = this.#outcomes.get(step);
      if (evidence !== undefined) this.#earlier.set(step, evidence);
      this.#outcomes.delete(step);
    }
    this.#heldByEarlier = false;
  }
  /** The evidence of a step whose outcome was dropped; `null` if there was none. */
  earlier(step: string): Evidence | null {
    return this.#earlier.get(step) ?? null;
  }
  /** The steps of no return that were passed. */
  get passed(): readonly string[] {
    return [...this.#passed];
  }
  /**
   * The run can only go back: an undo began, a step failed before the point of no return, or a
   * person requested it there.
   */
  get undoing(): boolean {
    return this.#undoing;
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
  hasIntent(step: string): boolean {
    return this.#intents.has(step);
  }
  /** Whether this step was never requested in this run. */
  never(step: string): boolean {
    return !this.#firstIntents.has(step) && !this.#everDone.has(step);
  }
  /** The evidence observed before the step's first act. */
  before(step: string): Evidence | null {
    return this.#firstIntents.get(step) ?? null;
  }
  hasUndoIntent(step: string): boolean {
    return this.#undoIntents.has(step);
  }
  /** Steps in which the run may have changed something that it has not taken back, in the order of their intents. */
  get owed(): readonly string[] {
    return [...this.#firstIntents.keys()].filter((step) => !this.#settledUndos.has(step));
  }
  /** Steps whose outcomes still count under the next plan. */
  get kept(): readonly string[] {
    return [...this.#outcomes.keys()].filter((step) => this.#keepsOutcome(step));
  }

  note(event: JournalEvent): void {
    switch (event.type) {
      case 'mandate':
        this.#mandated = true;
        return;
      case 'intent':
        if (!this.#firstIntents.has(event.step)) this.#firstIntents.set(event.step, event.observed);
        this.#intents.add(event.step);
        // Done again after it was taken back under an earlier plan, so it has to be taken back
        // again.
        this.#undoIntents.delete(event.step);
        this.#settledUndos.delete(event.step);
        this.#pass(event.step);
        return;
      case 'outcome':
        this.#outcomes.set(event.step, event.evidence);
        this.#everDone.add(event.step);
        this.#pass(event.step);
        if (this.#noReturn.has(event.step)) this.#heldByEarlier = false;
        return;
      case 'step-failed':
        this.#failure = event.error;
        if (event.turnedBack) this.#passed.delete(event.step);
        if (!this.pastNoReturn) this.#undoing = true;
        return;
      case 'abort-requested':
        this.#abort = { by: event.by, reason: event.reason, leave: event.leave ?? [] };
        if (!this.pastNoReturn) this.#undoing = true;
        return;
      case 'replanned':
        this.#replanned();
        return;
      case 'undo-intent':
        this.#undoIntents.add(event.step);
        this.#undoing = true;
        return;
      case 'undo-outcome':
        this.#settledUndos.add(event.step);
        this.#undoing = true;
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

  #takenOver(): void {
    if (!this.pastNoReturn) this.dropHeld();
    else if (!this.passed.some((step) => this.#outcomes.has(step))) this.#heldByEarlier = true;
  }

  #replanned(): void {
    for (const step of this.#outcomes.keys()) {
      if (!this.#keepsOutcome(step)) this.#outcomes.delete(step);
    }
    this.#intents.clear();
    this.#passed.clear();
    this.#failure = null;
    this.#abort = null;
    this.#undoing = false;
    this.#heldByEarlier = false;
    this.#earlier.clear();
    this.#mandated = true;
  }

  #keepsOutcome(step: string): boolean {
    const takenBack = this.#undoIntents.has(step) || this.#settledUndos.has(step);
    return this.#keeps.has(step) && !takenBack;
  }

  #pass(step: string): void {
    if (this.#noReturn.has(step)) this.#passed.add(step);
  }
}
