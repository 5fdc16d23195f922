import type { Clock, DurationKind, Evidence, ThrowoverError } from '../kernel/kernel.ts';

/** The identity of a run, with the token that gives the right to act. */
export interface RunIdentity {
  readonly runId: string;
  readonly service: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  /** Epoch when the run began; a run that changes the active region opens `epoch + 1`. */
  readonly epoch: number;
  /** Fencing token of the controller: grows with every takeover; sent with every effect. */
  readonly token: number;
}

export interface StepContext {
  readonly run: RunIdentity;
  readonly clock: Clock;
  /** Aborted when the step's timeout passes or the controller has lost its run. */
  readonly signal: AbortSignal;
  /** Evidence of the steps that are already done in this run, by step name. Survives a crash: it comes from the journal. */
  readonly outcomes: ReadonlyMap<string, Evidence>;
  /**
   * The evidence that this step observed before its first act in this run, from the journaled
   * intent; `null` before that.
   */
  readonly before: Evidence | null;
  /**
   * The evidence with which an earlier controller found the step done, under the same plan; only for
   * a step that `holdsForController`, which is carried out again.
   */
  readonly earlier: Evidence | null;
  /**
   * Whether this controller has the newest token, and the journal has neither an intent nor an
   * outcome of `step` under any plan of this run. Then the step was never requested, and it cannot
   * be requested with a token up to this one while the run is undone. Only for an undo: it is the
   * proof `never-asked`.
   */
  never(step: string): boolean;
  /** Shows a note in the terminal while the step works; not journaled. */
  progress(note: string): void;
}

/**
 * The result of an observation. done: the desired state holds. pending: it does not hold yet; `act`
 * would bring it about. unknown: it could not be seen (unreachable is not dead). refused: it must
 * not be done, now or ever.
 */
export type Observation =
  | { readonly state: 'done'; readonly evidence: Evidence }
  | { readonly state: 'pending'; readonly evidence: Evidence }
  | { readonly state: 'unknown'; readonly error: ThrowoverError }
  | { readonly state: 'refused'; readonly error: ThrowoverError };

/**
 * One convergent step: observe; if the desired state holds, done; otherwise journal the intent,
 * act, observe again, journal the outcome. `act` may be called again after a crash, so it must be
 * safe to repeat with the same run; an act whose outcome is unknown is observed again before that.
 */
export interface Step<Name extends string = string> {
  /** Stable, kebab-case, unique in a run: `catch-up`. */
  readonly name: Name;
  /** One sentence for people, in the imperative: "Wait until west has everything that east wrote". */
  readonly title: string;
  /** The kind of its duration. `scaled`: it waits on DNS or retries, which the lab scales. */
  readonly waits: DurationKind;
  /** Upper bound on the whole step, ms, as time passes here. */
  readonly timeoutMs: number;
  /**
   * Pause between two observations after the act, ms. A pending observation with the same evidence
   * is no progress.
   */
  readonly pollMs: number;
  /** True for the step after whose journaled intent the run can only go forward. */
  readonly noReturn?: true;
  /**
   * For a step of no return: whether this error says that its act certainly did not happen and
   * cannot happen any more with this run's token, so that the run goes back after all.
   */
  readonly turnsBack?: (error: ThrowoverError) => boolean;
  /**
   * For a step of no return with a journaled intent and no outcome: makes certain that it cannot
   * happen any more with a token up to this controller's, or reports that it has happened. Called
   * when the run is aborted or replanned; this controller does not request the step afterwards.
   * Safe to repeat.
   */
  readonly settle?: (context: StepContext) => Promise<Settled>;
  /**
   * Neighbouring steps with the same group run at the same time. None of them is a step of no
   * return.
   */
  readonly group?: string;
  /**
   * The step waits and changes nothing: `act` is empty, so it need not wait until its intent is
   * durable.
   */
  readonly onlyWaits?: true;
  /**
   * Its outcome still counts after a replan: it contains no proof, and nothing that belongs to the
   * old plan.
   */
  readonly keepsAcrossReplan?: true;
  /**
   * What it saw holds only while its controller carries the run, for example a fence that ends at
   * its deadline. A controller that takes the run over carries the step out again, unless the step
   * of no return has happened.
   */
  readonly holdsForController?: true;
  /**
   * Takes the effect back when the run ends before its point of no return, or says why that is not
   * needed. Safe to repeat, like `act`.
   */
  readonly undo: ((context: StepContext) => Promise<void>) | { readonly none: string };
  /**
   * Its undo may need the later steps to be taken back first, so it waits for them. Default: it is
   * undone independently.
   */
  readonly undoesInOrder?: true;
  observe(context: StepContext): Promise<Observation>;
  act(context: StepContext): Promise<void>;
}

/**
 * never: the step did not happen and cannot happen any more. happened: it did, or can no longer be
 * stopped.
 */
export type Settled = 'never' | 'happened' | 'unknown';

/** A reason to refuse a plan, found before anything is changed. */
export interface Refusal {
  readonly error: ThrowoverError;
  /** Name of the override with which an operator may accept it; `null` if there is none. */
  readonly override: string | null;
}

/** Checks today's facts; an empty list lets the plan through. */
export interface Guard {
  readonly name: string;
  readonly title: string;
  /**
   * Overrides that the guard may ask for later although it does not now, because its figure grows
   * while people read the plan. They may be given ahead of time, and asking for one of them later
   * does not make it another plan.
   */
  readonly mayAsk?: readonly string[];
  check(context: Pick<StepContext, 'clock' | 'signal'>): Promise<readonly Refusal[]>;
}
