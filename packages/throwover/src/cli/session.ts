import { compose, type Direction, defineRun, noSuchRegion, type Parts } from '../compose.ts';
import { isThrowoverError } from '../kernel/kernel.ts';
import { checkGuards, makePlan, type Plan, planDigest } from '../runbook/runbook.ts';
import type { RunDefinition, RunKind } from '../runs/runs.ts';
import { type LoadedService, loadService } from '../service/service.ts';
import type { ServiceState } from '../store/store.ts';
import { cliErrors } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** A service that was loaded, with what it stands on and where the store says that it is. */
export interface Session {
  readonly terminal: Terminal;
  readonly loaded: LoadedService;
  readonly parts: Parts;
  readonly state: ServiceState;
}

/** Loads the file, reaches the store, and closes every connection afterwards. */
export async function withSession<T>(
  terminal: Terminal,
  config: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const loaded = await loadService(config);
  const parts = compose(loaded.service, terminal.clock);
  try {
    const state = await knownState(loaded, parts);
    return await work({ terminal, loaded, parts, state });
  } finally {
    await parts.close();
  }
}

/** A plan and what carries it out. */
export interface Prepared {
  readonly plan: Plan;
  readonly digest: string;
  readonly definition: RunDefinition;
}

/** Asks the guards and makes the plan; changes nothing. */
export async function prepare(session: Session, kind: RunKind, to: string): Promise<Prepared> {
  const { terminal, loaded, state } = session;
  const { service } = loaded;
  if (service.regions[to] === undefined) throw noSuchRegion(service, to);
  if (to === state.active) {
    throw cliErrors.make('already-active', `${to} is the active region of ${service.name}`, {
      active: state.active,
      epoch: state.epoch,
    });
  }
  const { active: from, epoch } = state;
  const definition = definitionOf(session, kind, { from, to, epoch });
  const guards = await checkGuards({
    guards: definition.guards,
    clock: terminal.clock,
    signal: new AbortController().signal,
  });
  const { steps } = definition;
  const plan = makePlan({ service: service.name, kind, from, to, epoch, steps, guards, facts: {} });
  return { plan, digest: planDigest(plan), definition };
}

export function definitionOf(session: Session, kind: RunKind, direction: Direction): RunDefinition {
  const { terminal, loaded, parts } = session;
  const { env, clock } = terminal;
  return defineRun(kind, loaded, { parts, direction, env, clock });
}

/** What the store knows; at the first meeting the file, or the one primary among the databases, says who is active. */
async function knownState({ service }: LoadedService, parts: Parts): Promise<ServiceState> {
  try {
    return await parts.store.service(service.name);
  } catch (error) {
    if (!isThrowoverError(error, 'no-such-service')) throw error;
  }
  const active = service.active ?? (await onlyPrimary(parts));
  const regions = Object.keys(service.regions);
  return parts.store.registerService({ name: service.name, regions, active });
}

async function onlyPrimary(parts: Parts): Promise<string> {
  const statuses = await Promise.all(parts.regions.map(({ database }) => database.status()));
  const primaries = statuses.filter(({ role }) => role === 'primary');
  const [only] = primaries;
  if (only !== undefined && primaries.length === 1) return only.region;
  throw cliErrors.make(
    'active-region-unclear',
    `${primaries.length} databases are primaries; one was expected`,
    { roles: Object.fromEntries(statuses.map(({ region, role }) => [region, role])) },
  );
}
