import { storeErrors } from './errors.ts';
import type { AtLeast, Input } from './port.ts';
import { inProgress, mustHold, mustRun, type RunFacts } from './rules.ts';
import type { ServiceState, SyncState } from './shapes.ts';

/**
 * The facts that a store keeps about a service, and how calls change them. Pure: each function
 * takes the kept facts and returns the new ones (the same object if nothing changes), so that every
 * adapter refuses in the same way.
 *
 * They guarantee: an epoch only grows, one region is active in each epoch, and a token is never
 * given twice.
 */
export interface ServiceFacts {
  readonly state: ServiceState;
  /** The run that opened the newest epoch, if one did. */
  readonly openedByRun: string | null;
  /** Epoch in which the active region gets no lease any more. */
  readonly stoppedEpoch: number | null;
  /**
   * Highest token that gave the writer its right back: this token and older ones cannot expire the
   * writer again.
   */
  readonly restoredToken: number;
  /** Size of its ledger of lost writes. */
  readonly ledgerBytes: number;
}

/**
 * Once the service is known, the store decides which region is active, and that region must stay
 * among the service's regions.
 */
export function registered(
  known: ServiceFacts | undefined,
  input: Input<'registerService'>,
): ServiceFacts {
  const { name, regions, active } = input;
  mustBeAmong(regions, known?.state.active ?? active, name);
  const atLeast: AtLeast = input.atLeast ?? { epoch: 1, token: 0 };
  if (known === undefined) return first(name, [...regions], active, atLeast);
  const { state } = known;
  const changed = !sameNames(state.regions, regions);
  if (changed && state.openRun !== null) throw inProgress(name, { runId: state.openRun });
  const inRegions = changed ? { ...known, state: { ...state, regions: [...regions] } } : known;
  if (state.openRun === null) return raised(inRegions, atLeast);
  return atLeast.openRun === state.openRun
    ? raised(inRegions, { ...atLeast, epoch: state.epoch })
    : inRegions;
}

function first(
  name: string,
  regions: readonly string[],
  active: string,
  atLeast: AtLeast,
): ServiceFacts {
  return {
    state: {
      name,
      regions,
      epoch: Math.max(1, atLeast.epoch),
      active,
      openRun: null,
      openedBy: 'registered',
      token: Math.max(0, atLeast.token),
      sync: null,
    },
    openedByRun: null,
    stoppedEpoch: null,
    restoredToken: 0,
    ledgerBytes: 0,
  };
}

function raised(facts: ServiceFacts, atLeast: AtLeast): ServiceFacts {
  const { state } = facts;
  const withToken = atLeast.token > state.token ? inToken(facts, atLeast.token) : facts;
  if (atLeast.epoch <= state.epoch) return withToken;
  return inEpoch(withToken, atLeast.epoch, state.active, 'registered', null);
}

/** Returns the facts after the next token was given to the run `openRun`. */
export function withNextToken(facts: ServiceFacts, openRun: string): ServiceFacts {
  return inToken({ ...facts, state: { ...facts.state, openRun } }, facts.state.token + 1);
}

function inToken(facts: ServiceFacts, token: number): ServiceFacts {
  return { ...facts, state: { ...facts.state, token } };
}

/**
 * Returns the facts after a damaged run was ended: with a new token, so that its controller can do
 * nothing more. Another run stays open: the damaged row may only say that it is.
 */
export function withoutDamaged(facts: ServiceFacts, runId: string): ServiceFacts {
  const ended = inToken(facts, facts.state.token + 1);
  return facts.state.openRun === runId ? withoutRun(ended) : ended;
}

export function withoutRun(facts: ServiceFacts): ServiceFacts {
  return { ...facts, state: { ...facts.state, openRun: null } };
}

export function opened(
  facts: ServiceFacts,
  run: RunFacts,
  input: Input<'openEpoch'>,
): ServiceFacts {
  mustHold(run, input.token);
  const { state, openedByRun } = facts;
  const { epoch, active } = input;
  if (state.epoch === epoch && state.active === active && openedByRun === run.runId) return facts;
  mustRun(run);
  const belongs = run.service === state.name && epoch === run.epoch + 1;
  if (!belongs || state.epoch !== epoch - 1) {
    throw epochMoved(state, `run ${run.runId} of epoch ${run.epoch} cannot open epoch ${epoch}`, {
      asked: epoch,
    });
  }
  mustBeAmong(state.regions, active, state.name);
  return inEpoch(facts, epoch, active, run.kind, run.runId);
}

/** The epoch only grows: a late or repeated message changes nothing. */
export function adopted(facts: ServiceFacts, input: Input<'adoptEpoch'>): ServiceFacts {
  const { epoch, active } = input;
  mustBeAmong(facts.state.regions, active, facts.state.name);
  if (epoch <= facts.state.epoch) return facts;
  return inEpoch(facts, epoch, active, 'adopted', null);
}

/** Facts about the writer of the earlier epoch no longer count. */
function inEpoch(
  facts: ServiceFacts,
  epoch: number,
  active: string,
  openedBy: string,
  openedByRun: string | null,
): ServiceFacts {
  return {
    ...facts,
    state: { ...facts.state, epoch, active, openedBy, sync: null },
    openedByRun,
    stoppedEpoch: null,
  };
}

export function toldSync(facts: ServiceFacts, input: Input<'recordSync'>): ServiceFacts {
  const { state } = facts;
  const { region, epoch, inSync, position, wallMs } = input;
  if (epoch !== state.epoch || region !== state.active) {
    throw epochMoved(state, `${region} cannot speak for the writer of epoch ${epoch}`, {
      asked: epoch,
    });
  }
  // A failover computes the loss of a promotion from this record now; commits go on waiting
  // meanwhile.
  if (!inSync && facts.stoppedEpoch === epoch) {
    throw storeErrors.make(
      'writer-stopped',
      `a failover of ${state.name} from ${region}, in epoch ${epoch}, computes what would be lost: commits there may not go ahead of the standby`,
      { region, epoch },
    );
  }
  const sync = laterSync(state.sync, { epoch, inSync, position, wallMs });
  return sync === state.sync ? facts : { ...facts, state: { ...state, sync } };
}

/**
 * Returns which of two reports about one epoch counts, when messages may be repeated and may
 * overtake each other.
 *
 * Wall clocks cannot give the order, and positions not always: the positions of a database that
 * crashed may go back a little. So "not in sync" always counts, from its lowest position on, and
 * only an "in sync" from beyond the highest such position (`until`) replaces it.
 */
export function laterSync<S extends SyncState>(kept: S | null, told: S): S {
  if (kept === null || kept.epoch < told.epoch) return told;
  if (kept.epoch > told.epoch) return kept;
  const lostUntil = kept.until ?? kept.position;
  if (told.inSync) return told.position > lostUntil ? told : kept;
  if (kept.inSync) return told;
  const [first, last] =
    told.position < kept.position ? [told, lostUntil] : [kept, later(told.position, lostUntil)];
  return last === first.position ? first : { ...first, until: last };
}

const later = (one: string, other: string) => (one > other ? one : other);

export function epochMoved(
  { name, epoch, active }: ServiceState,
  what: string,
  evidence: Readonly<Record<string, unknown>>,
) {
  return storeErrors.make(
    'epoch-moved',
    `${what}: ${name} is in epoch ${epoch} with ${active} active`,
    { service: name, epoch, active, ...evidence },
  );
}

function mustBeAmong(regions: readonly string[], region: string, service: string): void {
  if (regions.includes(region)) return;
  throw storeErrors.make(
    'no-such-service-region',
    `${region} is not one of the regions of ${service}: ${regions.join(', ')}`,
    { service, regions, region },
  );
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
