import type { Clock, DurationKind, Evidence, ThrowoverError } from '../kernel/kernel.ts';

/** What identifies a run, and gives it the right to act. */
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
  /** What this step saw before its first act in this run, from the journaled intent; null before that. */
  readonly before: Evidence | null;
  /**
   * This controller has the newest token, and the journal has neither an intent nor an outcome of
   * `step`, under no plan of this run: so nobody was asked for it, and with a token up to this one
   * nobody can be while the run is undone. For an undo alone: it is the proof `never-asked`.
   */
  never(step: string): boolean;
  /** Live only, not journaled: what the terminal shows while the step works. */
  progress(note: string): void;
}

/**
 * What a look at the world says.
 * done: the desired state holds. pending: it does not yet; `act` would bring it about.
 * unknown: could not be seen (unreachable is not dead). refused: it must not be done, now or ever.
 */
export type Observation =
  | { readonly state: 'done'; readonly evidence: Evidence }
  | { readonly state: 'pending'; readonly evidence: Evidence }
  | { readonly state: 'unknown'; readonly error: ThrowoverError }
  | { readonly state: 'refused'; readonly error: ThrowoverError };

/**
 * One convergent step: observe; if the desired state holds, done; else journal the intent, act,
 * observe again, journal the outcome. `act` may be called again after a crash, so it must be safe to
 * repeat with the same run; an act whose outcome is unknown is observed again before that.
 */
export interface Step<Name extends string = string> {
  /** Stable, kebab-case, unique in a run: `catch-up`. */
  readonly name: Name;
  /** One sentence for people, in the imperative: "Wait until west has everything that east wrote". */
  readonly title: string;
  /** What its duration is made of. `scaled`: it waits on DNS or retries, which the lab scales. */
  readonly waits: DurationKind;
  /** Bound on the whole step, ms, as it passes here. */
  readonly timeoutMs: number;
  /** Time between two observations after the act, ms. A pending one whose evidence stays the same is no progress. */
  readonly pollMs: number;
  /** True for the step from which on the run can only go forward: once its intent is journaled. */
  readonly noReturn?: true;
  /**
   * Of a step of no return: this error says that its act did certainly not happen and cannot any more
   * with this run's token, so the run goes back after all.
   */
  readonly turnsBack?: (error: ThrowoverError) => boolean;
  /**
   * Of a step of no return whose intent is journaled and whose outcome is not: makes certain that it
   * cannot happen any more with a token up to this controller's, or says that it has. Asked when the
   * run is aborted or replanned; this controller does not ask for the step afterwards. Safe to repeat.
   */
  readonly settle?: (context: StepContext) => Promise<Settled>;
  /** Steps that stand next to each other with the same group run at once. None of them is of no return. */
  readonly group?: string;
  /** It waits and changes nothing: `act` is empty, so nothing has to wait until its intent is durable. */
  readonly onlyWaits?: true;
  /** Its outcome still counts after the run was replanned: it holds no proof, and nothing of the old plan. */
  readonly keepsAcrossReplan?: true;
  /** Takes the effect back when the run ends before its point of no return; or says why that is not needed. Safe to repeat, as `act` is. */
  readonly undo: ((context: StepContext) => Promise<void>) | { readonly none: string };
  observe(context: StepContext): Promise<Observation>;
  act(context: StepContext): Promise<void>;
}

/** never: it did not happen and cannot any more. happened: it did, or may no longer be stopped. */
export type Settled = 'never' | 'happened' | 'unknown';

/** A reason to refuse a plan, seen before anything is changed. */
export interface Refusal {
  readonly error: ThrowoverError;
  /** Name by which an operator may override it, or null when nobody may. */
  readonly override: string | null;
}

/** Looks at today's facts; an empty list lets the plan through. */
export interface Guard {
  readonly name: string;
  readonly title: string;
  /**
   * Overrides that it may ask for although it does not now, because what it measures grows while people
   * read: they may be given ahead of time, and asking for one of them later is no other plan.
   */
  readonly mayAsk?: readonly string[];
  check(context: Pick<StepContext, 'clock' | 'signal'>): Promise<readonly Refusal[]>;
}
