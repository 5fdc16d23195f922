import type { Noted } from '../world/history.ts';
import type { World } from '../world/world.ts';
import { type Facts, seconds } from './facts.ts';

/**
 * Longest time from the deciding look until the store has begun the run, ms: the plan asks both
 * regions.
 */
const planningMs = 16_000;

/**
 * Longest time of one look at both regions, without the pause before it, ms: two requests of 2 s.
 */
const lookTakesMs = 3_000;

/** The fastest and the slowest clock differ by less than this share. */
const drift = 0.01;

type Begun = Extract<Noted, { type: 'run-begun' }>;

/** Whether `throwover serve` began the run, or took it over, by itself. */
function byServe({ owner }: { readonly owner: string }): boolean {
  return owner.startsWith('serve ');
}

function begunByServe(facts: Facts): readonly Begun[] {
  return facts.all('run-begun').filter(byServe);
}

/**
 * A standing policy allows each unattended run: its kind, its overrides, and its name on the
 * mandate.
 */
export function standingAllows(facts: Facts): readonly string[] {
  const { standing } = facts.world.scenario;
  return begunByServe(facts).flatMap(({ runId, kind, token, owner }): string[] => {
    const wrong = (text: string) => [`${runId}: ${text}`];
    if (standing === null) return wrong(`${owner} began a ${kind}, and no policy stands`);
    // A8: people decide about the way back.
    if (kind !== 'failover') return wrong(`${owner} began a ${kind}`);
    const overrides = facts.runOf(token)?.overrides ?? [];
    const more = overrides.filter((name) => !standing.overrides.includes(name));
    return more.length > 0 ? wrong(`overrides ${more.join()}, which the policy does not name`) : [];
  });
}

/** Nothing begins or is taken over automatically while the kill switch is thrown. */
export function haltStops(facts: Facts): readonly string[] {
  let halted = false;
  for (const one of facts.noted) {
    if (one.type === 'halt') halted = one.on;
    if (one.type !== 'run-begun' && one.type !== 'run-taken') continue;
    if (!halted || !byServe(one)) continue;
    return [`${one.owner} took ${one.runId} at ${seconds(one.atMs)} while automation was halted`];
  }
  return [];
}

/**
 * A policy acts only when one process has watched for the whole time that the policy asks for, and
 * the region was not healthy in between for long enough to be noticed.
 */
export function silentLongEnough(facts: Facts): readonly string[] {
  const { standing } = facts.world.scenario;
  if (standing === null) return [];
  const { everyMs } = standing;
  const forMs = standing.forMs * (1 - drift);
  const starts = facts.noted.flatMap((one) => (one.type === 'serve-started' ? one : []));
  for (const { atMs, runId, owner, from } of begunByServe(facts)) {
    const name = owner.slice('serve '.length);
    const started = starts.findLast((one) => one.name === name);
    if (started === undefined || atMs - started.atMs < forMs) {
      const text = `${owner} began ${runId} at ${seconds(atMs)}, and runs since ${seconds(started?.atMs ?? atMs)}: shorter than ${standing.forMs} ms`;
      return [text];
    }
    for (const what of ['well', 'heard'] as const) {
      const ms = shortestStretch(spansOf(facts, from, what), atMs, forMs);
      if (ms <= 2 * everyMs + lookTakesMs) continue;
      const text = `${runId} began at ${seconds(atMs)}, and ${from} was ${what} for ${Math.round(ms)} ms of the ${standing.forMs} ms before it`;
      return [text];
    }
  }
  return [];
}

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Returns the longest of these spans, ms, within the window of `forMs` that favours the policy
 * most. A window ends outside of every span, and before the run began by at most the planning time.
 */
function shortestStretch(spans: readonly Span[], atMs: number, forMs: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let endMs = atMs; endMs >= atMs - planningMs; endMs -= 100) {
    if (spans.some(({ fromMs, untilMs }) => fromMs < endMs && endMs < untilMs)) continue;
    const stretches = spans.map(
      ({ fromMs, untilMs }) => Math.min(untilMs, endMs) - Math.max(fromMs, endMs - forMs),
    );
    best = Math.min(best, Math.max(0, ...stretches));
  }
  return best;
}

function spansOf(facts: Facts, region: string, what: 'well' | 'heard'): readonly Span[] {
  const spans: Span[] = [];
  let sinceMs: number | null = null;
  for (const one of facts.all('region')) {
    const well = one.region === region && one[what];
    if (well && sinceMs === null) sinceMs = one.atMs;
    if (well || sinceMs === null) continue;
    spans.push({ fromMs: sinceMs, untilMs: one.atMs });
    sinceMs = null;
  }
  if (sinceMs !== null) spans.push({ fromMs: sinceMs, untilMs: Number.POSITIVE_INFINITY });
  return spans;
}

/** A service has only one open run at a time. */
export function oneOpenRun(facts: Facts): readonly string[] {
  let open: string | null = null;
  for (const one of facts.noted) {
    if (one.type === 'appended' && one.record.type === 'ended' && one.runId === open) open = null;
    if (one.type !== 'run-begun') continue;
    if (open !== null) {
      return [`${one.runId} began while ${open} was open`];
    }
    open = one.runId;
  }
  return [];
}

/** A8: after an unattended failover a person acts before the next run changes the region again. */
export function neverBackByItself(facts: Facts): readonly string[] {
  let movedBy: string | null = null;
  const begun = new Map<string, Begun>();
  for (const one of facts.noted) {
    if (one.type === 'run-begun') begun.set(one.runId, one);
    if (one.type !== 'appended' || one.record.type !== 'ended') continue;
    if (one.record.status !== 'succeeded') continue;
    const run = begun.get(one.runId);
    if (run === undefined) continue;
    if (!byServe(run)) {
      movedBy = null;
      continue;
    }
    if (movedBy !== null) {
      const text = `${movedBy} and then ${run.runId} moved the service, and nobody typed anything in between`;
      return [text];
    }
    movedBy = run.runId;
  }
  return [];
}

/** An open run is carried on, or turned back, soon after everything is healthy again. */
export function openRunsEnd(facts: Facts): readonly string[] {
  const { scenario } = facts.world;
  if (!scenario.serveTakesOver) return [];
  const answer = facts.all('answer').find(({ what }) => what === 'open-run');
  if (answer === undefined || answer.detail === '') return [];
  return [`${answer.detail} was open at ${seconds(answer.atMs)}, long after all had healed`];
}

/**
 * Two sums of the same times differ by less than this, ms: the end of a lease by the world's clock,
 * and by the clock of the store's machine.
 */
const roundingMs = 1e-6;

/** `throwover serve` takes no run from a controller that still carries it on. */
export function leavesTheLivingAlone(facts: Facts): readonly string[] {
  // Two processes over one store remember separately who has a run; then the run's token decides.
  if (facts.world.scenario.faults.some(({ what }) => what === 'second-serve')) return [];
  return facts.all('carried-on').flatMap(({ runId, by, leftMs }): string[] => {
    if (!by.startsWith('serve ') || leftMs <= roundingMs) return [];
    return [`${by} took ${runId}, whose controller had it for another ${Math.round(leftMs)} ms`];
  });
}

/**
 * No door serves in an epoch in which another region is active. In the end each door knows where
 * the service is: the active one serves, the other one forwards to it.
 */
export function doorsAgree(facts: Facts): readonly string[] {
  const { world, ending } = facts;
  const activeIn = new Map(facts.all('epoch-opened').map(({ epoch, active }) => [epoch, active]));
  for (const { region, mode, epoch, atMs } of facts.all('door')) {
    const active = activeIn.get(epoch);
    if (mode !== 'serve' || active === undefined || active === region) continue;
    const text = `${region}'s door serves in epoch ${epoch} from ${seconds(atMs)}, and ${active} is active in it`;
    return [text];
  }
  if (!ending.converged) return [];
  return misledDoors(world);
}

/** Returns, as sentences, which doors do not lead to the active region. */
export function misledDoors({ store, sites }: World): readonly string[] {
  if (store.known === undefined) return [];
  const { active, epoch } = store.known;
  return sites.flatMap(({ name, door }) => {
    const target = door.target();
    // In the first epoch no door has been told anything.
    const right = door.epoch === epoch && (target === active || (epoch === 1 && target === name));
    if (right) return [];
    return `${name}'s door leads to ${target ?? 'nowhere'} in epoch ${door.epoch}, and ${active} is active in ${epoch}`;
  });
}
