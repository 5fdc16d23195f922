import { assertNever, type ErrorJson, type Evidence } from '../kernel/kernel.ts';
import type { JournalEvent } from '../store/store.ts';

/**
 * How far a run has come, as its journal says and in no other way (A9): a controller that begins, and
 * one that resumes after a crash, know the same because both feed the same records to `note`.
 */
export class Progress {
  readonly #noReturn: ReadonlySet<string>;
  readonly #outcomes = new Map<string, Evidence>();
  readonly #intents = new Map<string, Evidence>();
  readonly #undoIntents = new Set<string>();
  readonly #settledUndos = new Set<string>();
  #failure: ErrorJson | null = null;
  #mandated = false;
  #pastNoReturn = false;
  #undoing = false;

  constructor(steps: readonly { readonly name: string; readonly noReturn?: boolean }[]) {
    this.#noReturn = new Set(steps.filter(({ noReturn }) => noReturn).map(({ name }) => name));
  }

  /** Evidence of the steps that are done, by name. */
  get outcomes(): ReadonlyMap<string, Evidence> {
    return this.#outcomes;
  }
  /** Somebody approved the run's plan. */
  get mandated(): boolean {
    return this.#mandated;
  }
  /** Only forward from here: a step of no return has an intent, or was found done. */
  get pastNoReturn(): boolean {
    return this.#pastNoReturn;
  }
  /** Only back from here: an undo began, or a step failed before the point of no return. */
  get undoing(): boolean {
    return this.#undoing;
  }
  /** Why the last step failed. */
  get failure(): ErrorJson | null {
    return this.#failure;
  }
  hasIntent(step: string): boolean {
    return this.#intents.has(step);
  }
  /** What was seen before the step's first act. */
  before(step: string): Evidence | null {
    return this.#intents.get(step) ?? null;
  }
  hasUndoIntent(step: string): boolean {
    return this.#undoIntents.has(step);
  }
  /** The run may have changed something in this step, and has not taken it back. */
  owesUndo(step: string): boolean {
    return this.#intents.has(step) && !this.#settledUndos.has(step);
  }

  note(event: JournalEvent): void {
    switch (event.type) {
      case 'mandate':
        this.#mandated = true;
        return;
      case 'intent':
        if (!this.#intents.has(event.step)) this.#intents.set(event.step, event.observed);
        this.#passed(event.step);
        return;
      case 'outcome':
        this.#outcomes.set(event.step, event.evidence);
        this.#passed(event.step);
        return;
      case 'step-failed':
        this.#failure = event.error;
        if (!this.#pastNoReturn) this.#undoing = true;
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
      case 'ended':
        return;
      default:
        assertNever(event);
    }
  }

  #passed(step: string): void {
    if (this.#noReturn.has(step)) this.#pastNoReturn = true;
  }
}
