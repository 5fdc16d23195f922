import type { DatabaseSide } from '../authority/authority.ts';
import { misledDoors, type Violation, violationsOf } from './checkers/checkers.ts';
import { Operators } from './control/operators.ts';
import { attachTimeoutMs } from './control/ports.ts';
import { beginServing } from './control/serve.ts';
import {
  type Action,
  type Fault,
  type Scenario,
  type ScenarioOptions,
  scenarioOf,
} from './scenario.ts';
import { heal, strike } from './world/faults.ts';
import { sampleRegions } from './world/well.ts';
import { createWorld, startWorld, type World, warmUpMs } from './world/world.ts';

/** Longest time until everything must be in order after the last fault, ms. */
const convergeMs = 240_000;

/**
 * More events than any seed needs; it also ends a seed that loops, which then counts as not
 * converged.
 */
const mostEvents = 1_000_000;

export interface SeedResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Hash of everything that happened: the same for the same seed, options and code. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
}

/** Runs one whole simulation: faults, then healing; then the checkers read the history. */
export async function runSeed(
  seed: number,
  options: ScenarioOptions & { trace?: (line: string) => void } = {},
): Promise<SeedResult> {
  const { trace } = options;
  const { stackTraceLimit } = Error;
  // Stack traces cost a third of the time; only a traced seed has them.
  if (trace === undefined) Error.stackTraceLimit = 0;
  try {
    return await simulate(scenarioOf(seed, options), trace);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function simulate(
  scenario: Scenario,
  trace: ((line: string) => void) | undefined,
): Promise<SeedResult> {
  trace?.(JSON.stringify(scenario));
  const world = createWorld(scenario, trace ?? null);
  const { queue, history } = world;
  const operators = new Operators(world);
  await startWorld(world);
  beginServing(world);
  if (scenario.standing !== null) sampleRegions(world);
  schedule(world, operators);
  await queue.run({
    untilMs: warmUpMs + scenario.faultsUntilMs,
    done: () => queue.count > mostEvents,
  });
  heal(world);
  const healedMs = queue.nowMs();
  const state = { converged: false, quietMs: 0 };
  void settle(world, operators, state);
  const done = () => state.converged || queue.count > mostEvents;
  await queue.run({ untilMs: healedMs + convergeMs, done });
  const violations = violationsOf(world, { converged: state.converged, healedMs });
  for (const { rule, text } of violations) history.say(() => `VIOLATION ${rule}: ${text}`);
  return {
    seed: scenario.seed,
    violations,
    hash: history.hash,
    events: queue.count,
    virtualMs: queue.nowMs(),
  };
}

function schedule(world: World, operators: Operators): void {
  const { scenario, queue, history } = world;
  const waiting = new Set<Fault>();
  for (const fault of scenario.faults) {
    if (fault.onRun) waiting.add(fault);
    else queue.at(warmUpMs + fault.atMs, () => strike(world, fault, operators));
  }
  history.onNoted = (noted) => {
    for (const fault of waiting) {
      const { onStep, atMs } = fault;
      const due =
        onStep === undefined
          ? noted.type === 'run-begun'
          : noted.type === 'step' && noted.what === 'act' && noted.step === onStep;
      if (!due) continue;
      waiting.delete(fault);
      queue.after(atMs, () => strike(world, fault, operators));
    }
  };
  for (const action of scenario.actions)
    queue.at(warmUpMs + action.atMs, () => void act(world, operators, action));
}

/** Carries out what people do during the faults. */
async function act(world: World, operators: Operators, action: Action): Promise<void> {
  if (action.what === 'begin') {
    const { kind, accepts } = action;
    const to = passiveRegion(world);
    await operators.command('ops1', (controller) => controller.begin(kind, to, accepts));
    return;
  }
  const runId = await operators.openRun();
  if (typeof runId !== 'string') return;
  await operators.command('ops2', (controller) =>
    action.what === 'abort' ? controller.abort(runId) : controller.resume(runId, true),
  );
}

function passiveRegion({ store }: World): string {
  return store.known?.active === 'east' ? 'west' : 'east';
}

/** Lets the system run without people for a while; then people bring everything in order. */
async function settle(
  world: World,
  operators: Operators,
  state: { converged: boolean },
): Promise<void> {
  const { queue, scenario, history } = world;
  const pause = (ms: number) => new Promise<void>((resolve) => queue.after(ms, resolve));
  const waitUntil = async (ms: number) => {
    while (queue.nowMs() < ms && !isRight(world)) await pause(1_000);
  };
  await waitUntil(queue.nowMs() + scenario.nobodyTypesMs);
  await waitUntil(fencesEndMs(world));
  const answer = (what: string, detail: string) => history.note({ type: 'answer', what, detail });
  answer('writer', String(writers(world).length));
  const accepted = world.sites.filter(({ memory }) => memory.accepted !== null);
  answer('accepted', String(accepted.length));
  const followers = world.sites.filter(({ peer, server }) => peer && server.follows(peer.server));
  answer('standby', String(followers.length));
  if (scenario.serveTakesOver) {
    let leftMs = openRunsEndMs;
    let attachingMs = 0;
    while (leftMs > 0 && openRun(world) !== null) {
      await pause(1_000);
      if (isAttaching(world) && attachingMs < lostAttachmentsMs) attachingMs += 1_000;
      else leftMs -= 1_000;
    }
    answer('open-run', openRun(world) ?? '');
  }
  for (let round = 0; ; round++) {
    if (isRight(world)) break;
    const runId = await operators.openRun();
    if (typeof runId === 'string') {
      await operators.command('ops2', (controller) =>
        round % 4 === 3 ? controller.abort(runId) : controller.resume(runId, true),
      );
    } else if (runId === null) {
      const to = passiveRegion(world);
      await operators.command('ops2', (controller) => controller.begin('rejoin', to, everyName));
    }
    await pause(1_500);
  }
  const rightMs = queue.nowMs();
  // Waits a little longer, to notice late faults.
  await pause(3_000);
  const doorsByMs = () => Math.max(rightMs, servedMs(world)) + doorsWithinMs;
  while (queue.nowMs() < doorsByMs() && misledDoors(world).length > 0) await pause(500);
  state.converged = isRight(world);
  if (!state.converged) void settle(world, operators, state);
}

/**
 * Longest time until the doorkeeper has told each door where the service is, ms, from the start of
 * its `serve` and from when everything is in order: a call to each door that got lost before that
 * (3 s each), the pause, and a round whose calls arrive.
 */
const doorsWithinMs = 10_000;

/** Returns when a `serve` was last started or ended, ms; a fault may come late. */
function servedMs({ history }: World): number {
  const last = history.noted.findLast(
    ({ type }) => type === 'serve-started' || type === 'serve-ended',
  );
  return last?.atMs ?? 0;
}

/**
 * Longest time from the deadline of a fence until its guard has opened, ms: a round of one second,
 * plus its slow calls.
 */
const opensWithinMs = 4_000;

/** Returns when every fence that has been asked for must have ended by itself; 0 if there is none. */
function fencesEndMs({ history }: World): number {
  return history.noted.reduce((endMs, one) => {
    if (one.type !== 'command' || one.name !== 'fence') return endMs;
    const { openTransactionsMs, deadlineMs } = one.detail as Parameters<DatabaseSide['fence']>[0];
    if (deadlineMs === null) return endMs;
    return Math.max(endMs, one.atMs + openTransactionsMs + deadlineMs + opensWithinMs);
  }, 0);
}

/**
 * Time after which no run that the caretaker can end may be open, ms: its longest pause in a seed
 * (doubled four times from 5 s), the run's lease, and the run itself.
 */
const openRunsEndMs = 100_000;

/**
 * Longest time of an attachment that does not count in that, ms: the network goes on losing
 * messages, and an attachment is the one call with a long deadline. Three in a row have got lost.
 */
const lostAttachmentsMs = 3 * attachTimeoutMs;

function isAttaching({ history }: World): boolean {
  return history.noted.findLast((one) => one.type === 'step')?.step === 'attach-old';
}

function openRun({ store }: World): string | null {
  return store.known?.openRun ?? null;
}

/** An event younger than this may still be on its way, ms. */
const freshMs = 5_000;

const everyName = ['without-ledger', 'unresolved-losses'];

function writers({ sites }: World) {
  return sites.filter(
    ({ server }) => server.takesWrites && (!server.strict || server.leaseHolds()),
  );
}

/**
 * Whether everything is in order: one writer, which the store knows; a standby that follows it; no
 * open run; every webhook delivered.
 */
function isRight(world: World): boolean {
  const { sites, store } = world;
  const state = store.known;
  const [writer, more] = writers(world);
  if (writer === undefined || more !== undefined || state === undefined) return false;
  if (state.openRun !== null || state.active !== writer.name) return false;
  const standby = sites.find(({ name }) => name !== writer.name);
  if (standby === undefined || !standby.server.follows(writer.server)) return false;
  if (sites.some(({ memory }) => memory.closed !== null)) return false;
  const beforeMs = world.queue.nowMs() - freshMs;
  return sites.every(({ gateway }) =>
    gateway.events.every(({ state, receivedMs }) => state === 'delivered' || receivedMs > beforeMs),
  );
}
