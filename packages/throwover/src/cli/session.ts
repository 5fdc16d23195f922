import { hostname, userInfo } from 'node:os';
import { machineOf } from '../access/configured.ts';
import { absoluteIn } from '../access/identity.ts';
import type { Machine } from '../access/machine.ts';
import type { DatabaseStatus } from '../authority/authority.ts';
import {
  checkTimingOf,
  compose,
  defineRun,
  type HandKind,
  handDocument,
  noSuchRegion,
  notifiersOf,
  type Parts,
} from '../compose/compose.ts';
import { gatherForecast } from '../evidence/evidence.ts';
import { type Clock, isThrowoverError, type Random } from '../kernel/kernel.ts';
import type { Notifiers } from '../notify/notify.ts';
import { type Operated, type PlannedRun, planFor } from '../operations/operations.ts';
import type { Consent } from '../replication/replication.ts';
import type { HandDocument } from '../runbook/runbook.ts';
import type { Direction, RunKind } from '../runs/runs.ts';
import {
  type LoadedService,
  loadService,
  type Service,
  serviceErrors,
} from '../service/service.ts';
import type { ServiceState } from '../store/store.ts';
import { cliErrors } from './errors.ts';

/** An open service: its declaration and its parts. */
export interface Session {
  readonly loaded: LoadedService;
  readonly parts: Parts;
  readonly notifiers: Notifiers;
  readonly clock: Clock;
  readonly random: Random;
  readonly env: NodeJS.ProcessEnv;
  /**
   * Returns the manual runbook of a run, with the current answers of guards and DNS provider;
   * throws their errors.
   */
  readonly byHand: (kind: HandKind, direction: Direction) => Promise<HandDocument>;
}

export interface SessionOptions {
  readonly configPath: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly env: NodeJS.ProcessEnv;
  /** The certificate of this process, which has other uses; default: the one that the file names. */
  readonly machine?: Machine | null;
  /** Reports a notice that was not delivered. */
  readonly say: (text: string) => void;
}

/** Reads the service's file and passes its parts to `work`; they are closed when `work` ends. */
export async function withSession<T>(
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(options);
  try {
    return await work(session);
  } finally {
    await session.parts.close();
  }
}

/** Opens a session. The caller must close its parts. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { configPath, clock, random, env, say, machine: given = null } = options;
  const loaded = await loadService(configPath);
  checkTimingOf(loaded.service);
  const notifiers = notifiersOf(loaded, {
    clock,
    random,
    env,
    onFailure: (name, subject, error) => {
      const reason = error instanceof Error ? error.message : String(error);
      say(`Not told through ${name} (${reason}): ${subject}`);
    },
  });
  const own = given === null ? await ownMachine(loaded, { clock, say }) : null;
  const composed = compose(loaded, { clock, env, machine: given ?? own });
  const close = async () => {
    await composed.close();
    await own?.close();
  };
  const parts = { ...composed, close };
  const byHand = (kind: HandKind, direction: Direction) =>
    handDocument(kind, loaded, { parts, direction, env, clock });
  return { loaded, parts, notifiers, clock, random, env, byHand };
}

/** The certificate that the service's file names: a controller's. */
function ownMachine(
  { service: { name: service, identity }, directory }: LoadedService,
  { clock, say }: Pick<SessionOptions, 'clock' | 'say'>,
): Promise<Machine | null> {
  return machineOf(identity && absoluteIn(directory, identity), {
    ...{ expected: { service, role: 'controller' }, clock },
    onEvent: (event) => {
      if (event.type === 'certificate-alarm') say(`Certificate: ${event.alarm.said}`);
    },
  });
}

/** Names this controller to others. */
export function owner(): string {
  return `${person()}@${hostname()} pid ${process.pid}`;
}

/** Returns the operator's login name on this machine. */
export function person(): string {
  return userInfo().username;
}

/**
 * Returns the store's state of the service; registers a service that the store does not know yet.
 */
export async function serviceState(session: Session): Promise<ServiceState> {
  const { store } = session.parts;
  const { name, regions } = session.loaded.service;
  try {
    return await store.service(name);
  } catch (error) {
    if (!isThrowoverError(error, 'no-such-service')) throw error;
    const seen = await looks(session);
    const active = activeOf(session.loaded.service, seen);
    const atLeast = highestOf(seen);
    return await store.registerService({ name, regions: Object.keys(regions), active, atLeast });
  }
}

interface Look {
  readonly region: string;
  readonly status: DatabaseStatus | null;
}

async function looks({ parts }: Session): Promise<readonly Look[]> {
  const answers = await Promise.allSettled(parts.regions.map(({ database }) => database.status()));
  return answers.map((answer, index) => ({
    region: parts.regions[index]?.name ?? '',
    status: answer.status === 'fulfilled' ? answer.value : null,
  }));
}

/**
 * Returns the region whose database takes writes. The declaration must not contradict it, unless
 * the guards know of a newer epoch.
 */
function activeOf(service: Service, seen: readonly Look[]): string {
  const declared = service.active;
  const known = seen
    .flatMap(({ status }) => (status === null ? [] : [status.known]))
    .sort((a, b) => b.epoch - a.epoch)[0];
  const moved = known !== undefined && known.epoch > 1 && known.active !== null;
  const primaries = seen.filter(
    ({ status }) => status?.role === 'primary' && (status.closed === null || !moved),
  );
  const expected = moved ? known.active : declared;
  const active = primaries[0]?.region ?? expected;
  const agrees = (expected ?? active) === active;
  if (primaries.length <= 1 && active !== undefined && active !== null && agrees) return active;
  const roles = seen.map(({ region, status }) => ({
    region,
    role: status?.role ?? 'unreachable',
    known: status?.known ?? null,
  }));
  const said = roles.map(({ region, role }) => `${region} is ${role}`).join(', ');
  throw serviceErrors.make(
    'active-region-unclear',
    `${expected === undefined ? 'no active region is declared' : `${expected} is ${moved ? 'the newest that a guard knows' : 'declared active'}`}; ${said}`,
    { declared, roles },
  );
}

/**
 * Returns the highest epoch and token that the guards have seen, so that a lost or restored store
 * continues above them.
 */
function highestOf(seen: readonly Look[]): { epoch: number; token: number } {
  const statuses = seen.flatMap(({ status }) => (status === null ? [] : [status]));
  return {
    epoch: Math.max(1, ...statuses.map(({ known }) => known.epoch)),
    token: Math.max(0, ...statuses.map(({ token }) => token)),
  };
}

/**
 * Returns today's plan: asks the guards and changes nothing. Without `to`, the usual target of the
 * kind of run.
 */
export async function planRun(
  session: Session,
  options: { kind: RunKind; to: string | undefined; consent: Consent; signal: AbortSignal },
): Promise<PlannedRun> {
  const { kind, consent, signal } = options;
  const { service } = session.loaded;
  const { active: from, epoch } = await serviceState(session);
  const to = options.to ?? usualTarget(service, kind, from);
  if (service.regions[to] === undefined) throw noSuchRegion(service, to);
  if (from === to) {
    throw serviceErrors.make('already-active', `${to} is the active region of ${service.name}`, {
      to,
    });
  }
  return planFor(operated(session), { kind, direction: { from, to, epoch }, consent, signal });
}

/**
 * Returns the default target: `failback` goes home, `rejoin` takes the other region, where there is
 * only one.
 */
function usualTarget(service: Service, kind: RunKind, active: string): string {
  const others = Object.keys(service.regions).filter((region) => region !== active);
  const target = kind === 'failback' ? service.home : kind === 'rejoin' ? others[0] : null;
  if (target !== null && target !== undefined && (kind === 'failback' || others.length === 1)) {
    return target;
  }
  throw cliErrors.make('usage-wrong', `${kind} needs --to REGION: one of ${others.join(', ')}`);
}

/** Returns the service in the form that operations/ uses. */
export function operated({ loaded, parts, notifiers, clock, env }: Session): Operated {
  const { service } = loaded;
  const { store, evidence } = parts;
  return {
    name: service.name,
    owner: owner(),
    store,
    regions: parts.regions.map(({ name, database, door }) => {
      const declared = service.regions[name];
      if (declared === undefined) throw noSuchRegion(service, name);
      return { name, database, door, forwardUrl: declared.door.forward };
    }),
    clock,
    notifiers,
    define: (kind, direction, consent, waits) =>
      defineRun(kind, loaded, { parts, direction, consent, env, clock, ...waits }),
    lagReports: () => parts.lag.reports(),
    forecastFacts: async (kind, from) => {
      const { facts } = await gatherForecast({ service, store, evidence, kind, from, clock });
      return facts;
    },
    evidence,
  };
}
