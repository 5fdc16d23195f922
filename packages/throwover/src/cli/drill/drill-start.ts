import { Option } from 'commander';
import {
  AbortWatch,
  alarmRefusals,
  type Drill,
  type DrillEvent,
  type DrillFacts,
  type DrillRefusal,
  drillErrors,
  drillGuards,
  drillId,
  drillsOf,
  driversOf,
  openDrill,
  type PlannedDrill,
  planDrills,
  plannedLines,
  planRefusals,
  unsettled,
} from '../../drills/drills.ts';
import { metricSources } from '../../improvement/improvement.ts';
import { formatMs, isThrowoverError, type ThrowoverError } from '../../kernel/kernel.ts';
import type { PlannedRun } from '../../operations/operations.ts';
import { dayMs } from '../../records/records.ts';
import type { RunKind } from '../../runs/runs.ts';
import type { DrillKind } from '../../service/service.ts';
import { longestHoldMs } from '../../traffic/traffic.ts';
import { check, refusalOf } from '../check/check.ts';
import { act } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { printedNow } from '../evidence/operating-test.ts';
import type { ExitCode } from '../exit-codes.ts';
import { toRegion } from '../options.ts';
import { type Stops, withStops } from '../run/carry-out.ts';
import { wantedText } from '../run/confirm.ts';
import { planText } from '../run/plan-text.ts';
import { owner, planRun, serviceState } from '../session.ts';
import { factsOf } from './drill.ts';
import { type Answer, type PromptOptions, prompt, type Question } from './drill-prompt.ts';
import { showReport } from './drill-report.ts';
import { DrillRun, Keeping } from './drill-run.ts';
import { Lines } from './lines.ts';

/** Greatest age of the survey that a forecast uses, ms. */
const forecastFreshMs = 7 * dayMs;

/** The first run of each kind of drill, by the engine's name. */
const thereBy = {
  'switchover-and-back': 'switchover',
  surprise: 'switchover',
  'region-loss': 'failover',
} as const satisfies Record<DrillKind, string>;

interface Given {
  readonly override: readonly string[];
  readonly to?: string | undefined;
}

export const drillStart = act({
  name: 'drill start',
  says: 'Start a drill now: switch, wait, switch back, show the report',
  json: false,
  takes: () => [
    toRegion('Region to switch to (default: the other region)'),
    new Option(
      '--override <name...>',
      'Accept a refusal by its name; it is recorded as a finding',
    ).default([]),
  ],
  run: startDrill,
});

/**
 * Runs a drill from its guards to its report. The driver gives a name, then the service goes there,
 * soaks, and comes back. A person must run it at a terminal: a drill measures how the person does.
 */
async function startDrill(context: CommandContext, options: Given): Promise<ExitCode> {
  const { terminal, session } = context;
  const facts = await factsOf(session);
  const open = openDrill(facts.drills);
  if (open !== null) {
    throw drillErrors.make('drill-open', `${open.id}, driven by ${open.driver}, goes on`, {
      drill: open.id,
    });
  }
  const [next = null] = planDrills(facts.plan, 1).next;
  const direction = await directionOf(session, options.to);
  const overrides = await mayBegin(context, facts, { next, direction, override: options.override });
  const lines = new Lines(terminal.stdin);
  try {
    return await withStops(terminal, (stops) =>
      drive({ context, facts, next, lines, stops, direction, ...overrides }),
    );
  } finally {
    lines.close();
  }
}

interface Driving {
  readonly context: CommandContext;
  readonly facts: DrillFacts;
  readonly next: PlannedDrill | null;
  readonly lines: Lines;
  readonly stops: Stops;
  readonly direction: { readonly from: string; readonly to: string };
  /** Guards of the drill that were overridden, each with its reason. */
  readonly accepted: readonly DrillRefusal[];
  /** Overrides for the plan of the run. */
  readonly forRun: readonly string[];
}

/** Checks the guards of the drill. Throws `drill-refused` with every reason at once. */
async function mayBegin(
  { output, session }: CommandContext,
  facts: DrillFacts,
  given: Pick<Driving, 'next' | 'direction'> & { override: readonly string[] },
): Promise<Pick<Driving, 'accepted' | 'forRun'>> {
  const { parts, loaded } = session;
  const { next, direction, override } = given;
  const { nowWallMs } = facts.plan;
  const forRun = override.filter((name) => !Object.hasOwn(drillGuards, name));
  const kind = thereBy[next?.kind ?? usualKind];
  const metrics = metricSources(parts, loaded.service.name);
  const refusals = [
    ...planRefusals(facts, next),
    ...(await alarmRefusals(facts.policy, { drills: parts.drills, metrics }, nowWallMs)),
    ...(await checkRefusals(session)),
    ...(await forecastRefusals(session, nowWallMs)),
    ...(await planned(session, kind, direction.to, forRun)),
  ];
  const standing = refusals.filter(({ guard }) => guard === 'plan' || !override.includes(guard));
  if (standing.length > 0) {
    output.say(
      Object.entries(drillGuards)
        .map(([name, says]) => {
          const own = refusals.filter(({ guard }) => guard === name);
          return own.length === 0
            ? `  ✓ ${name}: ${says}`
            : own.map((each) => `  ✗ ${name}: ${each.says}`).join('\n');
        })
        .join('\n'),
    );
    const says = standing.map((each) => `${each.guard}: ${each.says}`).join('; ');
    throw drillErrors.make('drill-refused', says, { refusals: standing });
  }
  return { accepted: refusals, forRun };
}

/** The kind that is rehearsed when no drill is due. */
const usualKind = 'switchover-and-back';

/**
 * Returns the refusals of the engine's guards for the way there that are not overridden by name.
 */
async function planned(
  session: CommandContext['session'],
  kind: RunKind,
  to: string,
  overrides: readonly string[],
): Promise<readonly DrillRefusal[]> {
  const { signal } = new AbortController();
  const consent = { by: owner(), overrides };
  const { plan } = await planRun(session, { kind, to, consent, signal });
  return plan.guards
    .flatMap(({ refusals }) => refusals)
    .filter(({ override }) => override === null || !overrides.includes(override))
    .map(({ error, override }) => ({
      guard: 'plan',
      says: `${error.code}: ${error.message}${override === null ? '' : ` (--override ${override})`}`,
    }));
}

/** Runs the whole of `throwover check` now: an earlier one may be out of date. */
async function checkRefusals(session: CommandContext['session']): Promise<readonly DrillRefusal[]> {
  const told = (error: ThrowoverError): DrillRefusal => ({
    guard: 'check',
    says: `${error.code}: ${error.message}`,
  });
  try {
    const error = refusalOf(await check.look(session, {}));
    return error === null ? [] : [told(error)];
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return [told(error)];
  }
}

/** Refuses when the team surveys resolvers and the newest survey is too old. */
async function forecastRefusals(
  { loaded, parts }: CommandContext['session'],
  nowWallMs: number,
): Promise<readonly DrillRefusal[]> {
  if (loaded.service.survey === undefined) return [];
  const [newest] = await parts.evidence.list('resolver', { limit: 1 });
  const ageMs = newest === undefined ? null : nowWallMs - newest.atWallMs;
  if (ageMs !== null && ageMs <= forecastFreshMs) return [];
  const when = ageMs === null ? 'were never surveyed' : `were surveyed ${formatMs(ageMs)} ago`;
  return [{ guard: 'forecast', says: `resolvers ${when}: throwover dns survey` }];
}

/** Runs the drill from the driver's name to the report. */
async function drive(driving: Driving): Promise<ExitCode> {
  const { context, facts, next, lines, stops, accepted, direction } = driving;
  const { output, session } = context;
  const keeping = new Keeping(context);
  const drivers = driversOf(facts.plan.rota);
  const driver = { name: next?.driver ?? next?.shadow ?? drivers[0] ?? '' };
  let id: string | null = null;
  const asked: PromptOptions = {
    lines,
    clock: session.clock,
    say: output.say,
    note: (move) => keeping.keep('move', move.person, { ...move, drill: id }),
    finding: (text) => output.say(`Not begun yet, so kept nowhere: ${text}`),
    personOf: (name) => personOf(drivers, name),
    onHandOver: () => {},
    signal: stops.signal,
  };
  if (next !== null) output.say(plannedLines(next, facts.policy.zone).join('\n'));
  // Stored once it is known to which drill they belong.
  const early: Parameters<PromptOptions['note']>[0][] = [];
  const taken = await prompt(
    {
      step: 'name',
      text: `you drive ${direction.from} to ${direction.to} and back. Type your name.`,
      right: (line) => personOf(drivers, line) === driver.name,
      help: `Your name as onCall has it: ${driver.name}, or its first part. Somebody else: hand NAME.`,
    },
    driver,
    { ...asked, note: (move) => early.push(move) },
  );
  if (taken.kind !== 'answered') throw notConfirmed(taken);
  const kind = next?.kind ?? usualKind;
  const started = await begun(session, {
    ...{ event: 'started', due: next?.due ?? null, kind, driver: driver.name },
    shadow: next?.shadow === driver.name ? (next.driver ?? null) : (next?.shadow ?? null),
    ...direction,
    overrides: accepted.map(({ guard }) => guard),
  });
  id = started.drill.id;
  for (const move of early) asked.note(move);
  const run = new DrillRun(context, started.drill, {
    keeping,
    watch: new AbortWatch(facts.policy.abort),
    records: started.records,
  });
  for (const { guard, says } of accepted) {
    run.raise('guard-overridden', `${guard} was overridden: ${says}`, null);
  }
  for (const text of await driftTexts(session, facts)) run.raise('runbook-drift', text, null);
  const outcome = await new Driver(
    driving,
    run,
    keeping,
    {
      ...asked,
      finding: (text) =>
        run.raise('person', text, run.drill.runs.at(-1)?.runId ?? null, driver.name),
      signal: AbortSignal.any([stops.signal, run.aborted]),
    },
    driver,
  ).drive();
  return showReport(context, id, outcome);
}

/**
 * Returns what is out of date in the printed runbooks, because people may need them now. Findings
 * that are still open are not repeated.
 */
async function driftTexts(
  session: CommandContext['session'],
  { findings }: DrillFacts,
): Promise<readonly string[]> {
  const open = new Set(unsettled(findings).map(({ text }) => text));
  return (await printedNow(session)).flatMap((printed) => {
    if (printed.state === 'holds') return [];
    const text =
      printed.state === 'drifted'
        ? `${printed.file} is not the runbook of today: ${printed.drift.join('; ')}`
        : `${printed.file} cannot be compared: ${printed.why}`;
    return open.has(text) ? [] : [text];
  });
}

/** Returns the driver that a name stands for; null unless exactly one fits. */
function personOf(drivers: readonly string[], name: string): string | null {
  const named = drivers.filter((one) => one === name || one.split('@')[0] === name);
  return named.length === 1 ? (named[0] ?? null) : null;
}

function notConfirmed(answer: Exclude<Answer, { kind: 'answered' }>) {
  const why = answer.kind === 'abort' ? answer.reason : 'nothing was typed';
  return cliErrors.make('not-confirmed', why);
}

async function directionOf(
  session: CommandContext['session'],
  to: string | undefined,
): Promise<Driving['direction']> {
  const { regions, name } = session.loaded.service;
  const { active: from } = await serviceState(session);
  const others = Object.keys(regions).filter((region) => region !== from);
  const target = to ?? (others.length === 1 ? others[0] : undefined);
  if (target !== undefined && others.includes(target)) return { from, to: target };
  throw cliErrors.make('usage-wrong', `a drill of ${name} needs --to REGION: ${others.join(', ')}`);
}

/**
 * Appends the first record of the drill. When two drills began at once, the first goes on; the
 * other reports it and ends.
 */
async function begun(
  { parts }: CommandContext['session'],
  event: Extract<DrillEvent, { event: 'started' }>,
) {
  const { seq } = await parts.records.append('drill', event.driver, event);
  const records = await parts.records.list('drill');
  const drills = drillsOf(records);
  const first = openDrill(drills);
  const drill = drills.find((one) => one.id === drillId(seq));
  if (drill !== undefined && first?.id === drill.id) return { drill, records };
  const mine = drillId(seq);
  const reason = `${first?.id} had begun`;
  const ended = { event: 'ended', drill: mine, outcome: 'not-begun', reason, worst: null } as const;
  await parts.records.append('drill', event.driver, ended);
  throw drillErrors.make('drill-open', `${first?.id}, driven by ${first?.driver}, goes on`, {
    drill: first?.id,
  });
}

/** Leads the driver through the drill, question by question. */
class Driver {
  readonly #driving: Driving;
  readonly #run: DrillRun;
  readonly #keeping: Keeping;
  readonly #asked: PromptOptions;
  readonly #driver: { name: string };

  constructor(
    driving: Driving,
    run: DrillRun,
    keeping: Keeping,
    asked: PromptOptions,
    driver: { name: string },
  ) {
    this.#driving = driving;
    this.#run = run;
    this.#keeping = keeping;
    this.#driver = driver;
    this.#asked = { ...asked, onHandOver: (to) => this.#handOver(to) };
  }

  async drive(): Promise<NonNullable<Drill['ended']>['outcome']> {
    const { stops, lines } = this.#driving;
    const run = this.#run;
    lines.whileIdle((line) => this.#idle(line));
    // Ctrl-C starts the way back, like any other reason to end early.
    const stopped = () => void run.end('person', 'Ctrl-C', this.#driver.name);
    stops.signal.addEventListener('abort', stopped, { once: true });
    run.watch();
    try {
      return await this.#legs();
    } finally {
      stops.signal.removeEventListener('abort', stopped);
      await run.unwatch();
      await this.#keeping.settled();
    }
  }

  async #legs() {
    const run = this.#run;
    const { from, to } = run.drill;
    if (!(await this.#region('look', 'Which region is active? Type its name.', from))) {
      return this.#close('not-begun');
    }
    const there = await this.#there().catch((error: unknown) => this.#failed(error));
    if (there === 'not-begun') return this.#close('not-begun');
    if (there === 'undone') return this.#close('aborted');
    if (there === 'open') return this.#close('not-back');
    if (!run.aborted.aborted) await this.#soak(to);
    if (!run.aborted.aborted) {
      // `back` plans the remaining legs again, and waits where that helps.
      await this.#return().catch((error: unknown) => this.#failed(error));
    }
    const { leaveSignal } = this.#driving.stops;
    const back = await run.back(this.#driver.name, leaveSignal);
    if (!back) return this.#close('not-back');
    return this.#close(run.why === null ? 'whole' : 'aborted');
  }

  /**
   * Goes there, approved by name. That approval includes the way back of a drill that ends early.
   */
  async #there(): Promise<'there' | 'not-begun' | 'undone' | 'open'> {
    const { forRun, stops } = this.#driving;
    const run = this.#run;
    const { to, kind } = run.drill;
    const planned = await run.plan(thereBy[kind], to, forRun, stops.leaveSignal);
    const lost = kind === 'region-loss';
    if (lost) {
      this.#asked.say(
        `After you type the words below, the front door of ${run.drill.from} drops every request: these users get errors. It ends when ${to} takes over, after ${formatMs(longestHoldMs)} at the latest.`,
      );
    }
    const more = `${lost ? `, dropping requests at ${run.drill.from}` : ''}, and back`;
    const approved = await this.#approved('approve', planned, more);
    if (approved === null) return 'not-begun';
    const restore = lost ? await run.cut(this.#driver.name) : null;
    const { status, error } = await run.carry('there', planned, {
      by: `${this.#driver.name} (drill ${run.drill.id})`,
      ...(approved.second === null ? {} : { second: approved.second }),
      overrides: forRun,
      signal: run.aborted,
      leaveSignal: stops.leaveSignal,
    });
    if (status !== 'succeeded') await restore?.();
    for (const name of forRun) {
      run.raise('guard-overridden', `the plan's refusal was overridden: ${name}`, null);
    }
    if (status === 'succeeded') return 'there';
    if (status === 'open') return 'open';
    await run.end('criterion', error?.message ?? 'the way there was undone', 'throwover');
    return 'undone';
  }

  /** Soaks: the other region serves and is watched, and the driver reports the state. */
  async #soak(to: string): Promise<void> {
    const { facts, context } = this.#driving;
    const { session, output } = context;
    const run = this.#run;
    const soakMs = session.loaded.service.timeScale.real(facts.policy.soakMs);
    const beganMs = session.clock.monotonicMs();
    const event = { event: 'soaking', drill: run.drill.id, soakMs } as const;
    await run.tell(event, this.#driver.name);
    await this.#region('verify', 'Which region is active now? Type its name.', to);
    const restMs = soakMs - (session.clock.monotonicMs() - beganMs);
    if (restMs <= 0 || run.aborted.aborted) return;
    output.say(
      `${to} serves for ${formatMs(restMs)} more. f TEXT is a finding; abort goes back now.`,
    );
    await session.clock.sleep(restMs, run.aborted).catch(() => {});
  }

  /**
   * Goes back leg by leg, each approved. A failure ends the drill early, which takes the service
   * back too.
   */
  async #return(): Promise<void> {
    const { stops } = this.#driving;
    const run = this.#run;
    for (let tries = 0; tries < 3 && !run.aborted.aborted; tries++) {
      const [next] = await run.legsBack();
      if (next === undefined) return;
      const planned = await run.plan(next.kind, next.to, [], stops.leaveSignal);
      const approved = await this.#approved('return', planned, '');
      if (approved === null) return;
      await run.carry(next.leg, planned, {
        by: `${this.#driver.name} (drill ${run.drill.id})`,
        overrides: [],
        leaveSignal: stops.leaveSignal,
      });
    }
  }

  /** Reports an unexpected failure and begins the way back, whichever region is active. */
  async #failed(error: unknown): Promise<'there'> {
    if (!isThrowoverError(error)) throw error;
    this.#asked.say(`${error.code}: ${error.message}`);
    await this.#run.end('criterion', `${error.code}: ${error.message}`, 'throwover');
    return 'there';
  }

  /** Shows the plan and asks for its words; null when nobody typed them. */
  async #approved(
    step: 'approve' | 'return',
    { plan, digest }: PlannedRun,
    more: string,
  ): Promise<{ second: string | null } | null> {
    const { context } = this.#driving;
    const refused = plan.guards.some(({ refusals }) =>
      refusals.some(
        ({ override }) => override === null || !this.#driving.forRun.includes(override),
      ),
    );
    this.#asked.say(planText(plan, digest));
    if (refused) {
      this.#asked.say('The plan is refused: see above.');
      await this.#run.end('criterion', 'the plan was refused', 'throwover');
      return null;
    }
    const two =
      plan.kind === 'failover' && context.session.loaded.service.approval.failover === 'two-people';
    const second = two ? this.#run.drill.shadow : null;
    const read = two ? `, read by ${second ?? 'nobody'}` : '';
    const wanted = `${wantedText(plan, this.#driving.forRun)}${more}${read}`;
    const answer = await this.#ask({
      step,
      text: `Type these words to begin.\n  "${wanted}"`,
      right: (line) => line === wanted,
      help: 'Read the plan above: its steps, what it may lose, what speaks against it. The words in quotes begin it, typed as they stand.',
    });
    return answer ? { second } : null;
  }

  #region(step: 'look' | 'verify', text: string, region: string): Promise<boolean> {
    return this.#ask({
      step,
      text,
      right: (line) => line === region,
      help: 'In another terminal: throwover check. Its line "store" says which region is active.',
    });
  }

  /** Returns false when the drill ends early instead. */
  async #ask(question: Question): Promise<boolean> {
    const run = this.#run;
    const answer = await prompt(question, this.#driver, this.#asked);
    if (answer.kind === 'answered') return true;
    if (answer.kind === 'abort') await run.end('person', answer.reason, this.#driver.name);
    else if (!run.aborted.aborted) await run.end('terminal', 'the terminal is gone', 'throwover');
    return false;
  }

  #idle(line: string): void {
    const [word, ...rest] = line.split(/\s+/);
    if (word === 'f' && rest.length > 0) this.#asked.finding(rest.join(' '));
    else if (word === 'abort') {
      void this.#run.end('person', rest.join(' ') || 'typed', this.#driver.name);
    } else if (line !== '') {
      this.#asked.say('Nothing is asked now. f TEXT is a finding; abort ends the drill early.');
    }
  }

  #handOver(to: string): void {
    const run = this.#run;
    const from = run.drill.driver;
    const event = { event: 'handed-over', drill: run.drill.id, to } as const;
    void run.tell(event, from);
    run.raise('handed-over', `${from} handed over to ${to}`, run.drill.runs.at(-1)?.runId ?? null);
  }

  async #close(outcome: NonNullable<Drill['ended']>['outcome']) {
    const run = this.#run;
    const reason = run.why?.reason ?? null;
    if (outcome === 'aborted') {
      run.raise('aborted', `ended early: ${reason}`, run.drill.runs.at(-1)?.runId ?? null);
    }
    await run.close(outcome, reason, owner());
    return outcome;
  }
}
