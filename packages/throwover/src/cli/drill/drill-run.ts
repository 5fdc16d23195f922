import { noSuchRegion } from '../../compose/compose.ts';
import {
  type AbortWatch,
  type Breach,
  type Drill,
  type DrillEvent,
  drillsOf,
  type FindingEvent,
  type Leg,
  lossMsOf,
  type MachineRule,
  type Outcome,
} from '../../drills/drills.ts';
import { errorLine, isThrowoverError, orNull, type ThrowoverError } from '../../kernel/kernel.ts';
import {
  expectations,
  type ForecastBefore,
  forecastBefore,
  type PlannedRun,
} from '../../operations/operations.ts';
import type { LoggedRecord } from '../../records/records.ts';
import { approve, type RunEvent } from '../../runbook/runbook.ts';
import type { RunKind } from '../../runs/runs.ts';
import type { Store } from '../../store/store.ts';
import { longestHoldMs } from '../../traffic/traffic.ts';
import type { CommandContext } from '../context.ts';
import { carryOut } from '../run/carry-out.ts';
import { plainLines } from '../run/live.ts';
import { operated, owner, planRun } from '../session.ts';
import { lookAt } from './drill-look.ts';

/** Time between two looks at the service and at the records of other terminals, ms. */
const lookEveryMs = 1_000;

/**
 * How often, and with which pause (ms), the way back is planned again when a guard refuses it: a
 * standby that was just attached needs a moment.
 */
const backTries = 24;
const backPauseMs = 5_000;

/** The end of one run of a drill. */
export interface LegEnd {
  readonly runId: string | null;
  readonly status: 'succeeded' | 'undone' | 'open' | 'not-begun';
  readonly error: ThrowoverError | null;
}

/**
 * Findings and moves on their way to the store. A failure to store them is reported and stops no
 * drill.
 */
export class Keeping {
  readonly #context: CommandContext;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: CommandContext) {
    this.#context = context;
  }

  keep(kind: 'move' | 'finding', by: string, body: Readonly<Record<string, unknown>>): void {
    const { session, output } = this.#context;
    this.#last = this.#last.then(async () => {
      try {
        await session.parts.records.append(kind, by, body);
      } catch (error) {
        if (!isThrowoverError(error)) throw error;
        output.say(`Not kept (${error.code}): ${kind} ${JSON.stringify(body)}`);
      }
    });
  }

  settled(): Promise<unknown> {
    return this.#last;
  }
}

/** How one leg of the way back ended. `refused`: it may be tried again. */
type Tried =
  | { readonly kind: 'back' }
  | { readonly kind: 'leg-done' }
  | { readonly kind: 'left-open' | 'refused'; readonly why: string };

/**
 * A drill in progress: its runs use the same engine as any other run, and it is watched from its
 * first act to its end.
 */
export class DrillRun {
  readonly #context: CommandContext;
  readonly #keeping: Keeping;
  readonly #watch: AbortWatch;
  readonly #abort = new AbortController();
  readonly #ended = new AbortController();
  drill: Drill;
  #watching: Promise<void> = Promise.resolve();
  #why: { source: string; reason: string; by: string } | null = null;
  readonly #records: LoggedRecord[];

  constructor(
    context: CommandContext,
    drill: Drill,
    given: { keeping: Keeping; watch: AbortWatch; records: readonly LoggedRecord[] },
  ) {
    this.#context = context;
    this.drill = drill;
    this.#keeping = given.keeping;
    this.#watch = given.watch;
    this.#records = [...given.records];
  }

  /** Aborted when the drill is to end early; `why` gives the reason. */
  get aborted(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the looks, however the drill ended, so that the process can end too. */
  async unwatch(): Promise<void> {
    this.#ended.abort();
    await this.#watching;
  }

  /** Looks at the service until the drill ends. */
  watch(): void {
    this.#watching = this.#look();
  }

  raise(source: MachineRule | 'person', text: string, runId: string | null, by?: string): void {
    const body = { event: 'raised', text, source, drill: this.drill.id, runId } as const;
    this.#keeping.keep('finding', by ?? 'throwover', body satisfies FindingEvent);
    this.#context.output.say(`Finding: ${text}`);
  }

  async append(event: DrillEvent, by: string): Promise<void> {
    const record = await this.#context.session.parts.records.append('drill', by, event);
    this.#follow([record]);
  }

  /**
   * Appends an event. A failure to store it is only reported: a drill in progress must go on, and
   * above all come back.
   */
  async tell(event: DrillEvent, by: string): Promise<void> {
    try {
      await this.append(event, by);
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      this.#context.output.say(`Not kept (${error.code}): ${JSON.stringify(event)}`);
    }
  }

  /** Why the drill ends early; null when it does not. */
  get why(): { readonly source: string; readonly reason: string; readonly by: string } | null {
    return this.#why ?? this.drill.abort;
  }

  /** Ends the drill early, once; the first reason is kept. */
  async end(
    source: 'criterion' | 'person' | 'terminal',
    reason: string,
    by: string,
  ): Promise<void> {
    if (this.aborted.aborted) return;
    this.#why = { source, reason, by };
    this.#abort.abort();
    const drill = this.drill.id;
    await this.tell({ event: 'abort-requested', drill, reason, source }, by);
  }

  /** Plans a leg in the same way as any run. */
  plan(kind: RunKind, to: string, overrides: readonly string[], signal: AbortSignal) {
    const consent = { by: owner(), overrides };
    return planRun(this.#context.session, { kind, to, consent, signal });
  }

  /**
   * Makes the active region look lost to its users: its door drops every request until the run
   * makes it forward them, or until the longest time is over, whatever happens to this process.
   * Returns a function that takes the cut back, for a run that did not get that far. Throws
   * `door-unreachable`.
   */
  async cut(by: string): Promise<() => Promise<void>> {
    const { parts, loaded } = this.#context.session;
    const { id, from } = this.drill;
    const region = parts.regions.find(({ name }) => name === from);
    if (region === undefined) throw noSuchRegion(loaded.service, from);
    const { name: service } = loaded.service;
    const [{ epoch }, [last]] = await Promise.all([
      parts.store.service(service),
      parts.store.runs({ service, limit: 1 }),
    ]);
    const maxMs = longestHoldMs;
    await this.append({ event: 'cut', drill: id, region: from, maxMs }, by);
    await region.door.set({ mode: 'cut', epoch, maxMs }, last?.token ?? 0);
    return async () => {
      await orNull(async () => {
        const [newest] = await parts.store.runs({ service, limit: 1 });
        // The door refuses this when a newer epoch was opened; then it is not needed.
        await region.door.set({ mode: 'serve', epoch }, newest?.token ?? 0);
      });
    };
  }

  /** Carries out a leg with the engine, with a person's mandate for exactly this plan. */
  async carry(
    leg: Leg,
    planned: PlannedRun,
    given: {
      by: string;
      second?: string;
      overrides: readonly string[];
      signal?: AbortSignal;
      leaveSignal: AbortSignal;
    },
  ): Promise<LegEnd> {
    const { terminal, session, output } = this.#context;
    const { by, second, overrides, signal, leaveSignal } = given;
    const { plan, digest, definition } = planned;
    const mandate = approve(plan, {
      ...{ digest, by, overrides },
      ...(second === undefined ? {} : { second }),
    });
    const { steps, claim } = definition;
    const kind = plan.kind as RunKind;
    const before = forecastBefore(operated(session), {
      ...{ kind, from: plan.from, random: terminal.random },
      approveMs: null,
    });
    const expected = () => expectations(operated(session), plan.kind);
    if (kind !== 'failover') await before.read();
    const seen = this.#seen(leg, before);
    const stops = { ...(signal === undefined ? {} : { signal }), leaveSignal };
    const what = { steps, claim, expected, plan, mandate, ...stops };
    await carryOut(this.#context, what, seen, plainLines(terminal, output));
    await seen.kept();
    await this.#lossOf(seen.end.runId);
    return seen.end;
  }

  /**
   * Takes the service back without asking: for a drill that is ended early, and for `drill abort
   * --takeover`. Returns false when the service is not back.
   */
  async back(by: string, leaveSignal: AbortSignal): Promise<boolean> {
    const { session, output } = this.#context;
    const { from, to } = this.drill;
    for (let tries = 0; ; tries++) {
      const tried = await this.#tryBack(by, leaveSignal);
      if (tried.kind === 'back') return true;
      if (tried.kind === 'leg-done') continue;
      if (tried.kind === 'left-open' || tries >= backTries || leaveSignal.aborted) {
        this.raise('not-back', `not back from ${to} to ${from}: ${tried.why}`, null);
        return false;
      }
      output.say(`The way back waits: ${tried.why}`);
      await session.clock.sleep(backPauseMs, leaveSignal).catch(() => {});
    }
  }

  async legsBack() {
    const { loaded, parts } = this.#context.session;
    const { store } = parts;
    const { active } = await store.service(loaded.service.name);
    return legsBack(this.drill, { active, home: loaded.service.home, store });
  }

  /** Appends the last record of the drill. */
  async close(outcome: Outcome, reason: string | null, by: string): Promise<void> {
    await this.unwatch();
    await this.#keeping.settled();
    const worst = this.drill.runs.length === 0 ? null : this.#watch.worst;
    await this.append({ event: 'ended', drill: this.drill.id, outcome, reason, worst }, by);
  }

  /** Carries out the next leg of the way back, if one is left. */
  async #tryBack(by: string, leaveSignal: AbortSignal): Promise<Tried> {
    try {
      const [next] = await this.legsBack();
      if (next === undefined) return { kind: 'back' };
      const { leg, kind, to } = next;
      const planned = await this.plan(kind, to, [], leaveSignal);
      const { status, error } = await this.carry(leg, planned, { by, overrides: [], leaveSignal });
      if (status === 'succeeded') return { kind: 'leg-done' };
      if (status === 'open') return { kind: 'left-open', why: 'the run stays open' };
      return { kind: 'refused', why: error?.message ?? 'it was undone' };
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      return { kind: 'refused', why: errorLine(error) };
    }
  }

  async #lossOf(runId: string | null): Promise<void> {
    if (runId === null) return;
    const lossMs = lossMsOf(await this.#context.session.parts.store.run(runId));
    if (lossMs === null) return;
    await this.#broken(this.#watch.lost(lossMs));
  }

  async #broken(breach: Breach | null): Promise<void> {
    if (breach === null || this.aborted.aborted) return;
    this.#context.output.say(`ABORT: ${breach.says}. The way back begins.`);
    await this.end('criterion', breach.says, 'throwover');
  }

  /**
   * Collects from the events of a leg: its run's name, how it ended, and the steps that were stuck.
   */
  #seen(leg: Leg, before: ForecastBefore) {
    let end: LegEnd = { runId: null, status: 'not-begun', error: null };
    let kept: Promise<unknown> = Promise.resolve();
    const stuck = new Set<string>();
    return {
      get end() {
        return end;
      },
      kept: () => kept,
      settled: () => before.settled(),
      note: (event: RunEvent) => {
        before.note(event);
        if (event.type === 'run-started') {
          const { runId } = event.run;
          end = { ...end, runId };
          kept = this.tell({ event: 'run', drill: this.drill.id, leg, runId }, owner());
        }
        if (event.type === 'step-stuck' && !stuck.has(event.step)) {
          stuck.add(event.step);
          this.raise('stuck-step', `${event.step} was stuck on the way ${leg}`, end.runId);
        }
        if (event.type === 'run-ended') end = { ...end, status: event.status, error: event.error };
      },
    };
  }

  async #look(): Promise<void> {
    const { session } = this.#context;
    const { clock, parts } = session;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const seen = await lookAt(session);
      await this.#broken(this.#watch.look(seen, clock.monotonicMs()));
      // Records of other terminals will be read later; the criteria are watched meanwhile.
      await orNull(async () => {
        const sinceSeq = this.#records.at(-1)?.seq ?? 0;
        this.#follow(await parts.records.list('drill', { sinceSeq }));
        if (this.drill.abort !== null) this.#abort.abort();
      });
      await clock.sleep(lookEveryMs, signal).catch(() => {});
    }
  }

  #follow(records: readonly LoggedRecord[]): void {
    const known = new Set(this.#records.map(({ seq }) => seq));
    this.#records.push(...records.filter(({ seq }) => !known.has(seq)));
    this.#records.sort((a, b) => a.seq - b.seq);
    this.drill = drillsOf(this.#records).find(({ id }) => id === this.drill.id) ?? this.drill;
  }
}

/** Returns the legs that lead back to where the drill began; none when it is there already. */
export async function legsBack(
  drill: Drill,
  { active, home, store }: { active: string; home: string | null; store: Pick<Store, 'run'> },
): Promise<readonly { leg: Leg; kind: RunKind; to: string }[]> {
  const { from: to, kind, runs } = drill;
  if (active === to) return [];
  const back = { leg: 'back', to } as const;
  if (kind !== 'region-loss') return [{ ...back, kind: 'switchover' }];
  const rejoins = runs.filter(({ leg }) => leg === 'rejoin');
  const states = await Promise.all(rejoins.map(({ runId }) => store.run(runId)));
  const rejoined = states.some(({ status }) => status === 'succeeded');
  return [
    ...(rejoined ? [] : [{ leg: 'rejoin', kind: 'rejoin', to } as const]),
    { ...back, kind: to === home ? 'failback' : 'switchover' },
  ];
}
