import { hostname, userInfo } from 'node:os';
import type { DatabaseStatus } from '../authority/database-side.ts';
import { type HandKind, handDocument } from '../compose/by-hand.ts';
import {
  checkTimingOf,
  compose,
  type Direction,
  defineRun,
  noSuchRegion,
  notifiersOf,
  type Parts,
} from '../compose.ts';
import { type Clock, isThrowoverError, type Random } from '../kernel/kernel.ts';
import type { Notifiers } from '../notify/notify.ts';
import type { LagReport } from '../replication/lag-history.ts';
import type { Consent } from '../replication/replication.ts';
import type { HandDocument } from '../runbook/by-hand/document.ts';
import { checkGuards, makePlan, type Plan, planDigest } from '../runbook/runbook.ts';
import type { RunDefinition, RunKind } from '../runs/runs.ts';
import {
  type LoadedService,
  loadService,
  type Service,
  serviceErrors,
} from '../service/service.ts';
import type { ServiceState } from '../store/store.ts';
import { cliErrors } from './errors.ts';

/** One service at work: what was declared, and what it stands on. */
export interface Session {
  readonly loaded: LoadedService;
  readonly parts: Parts;
  readonly notifiers: Notifiers;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** A run as people do it, with what guards and DNS provider say now; throws what they throw. */
  readonly byHand: (kind: HandKind, direction: Direction) => Promise<HandDocument>;
}

/** A plan, and the run that it was made of. */
export interface PlannedRun {
  readonly plan: Plan;
  readonly digest: string;
  readonly definition: RunDefinition;
}

export interface SessionOptions {
  readonly configPath: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly env: NodeJS.ProcessEnv;
  /** Where it is said that a notice did not get through. */
  readonly say: (text: string) => void;
}

/** Reads the service's file and gives `work` its parts; they are closed when it ends. */
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

/** The caller closes its parts. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { configPath, clock, random, env, say } = options;
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
  const parts = compose(loaded, { clock, env });
  const byHand = (kind: HandKind, direction: Direction) =>
    handDocument(kind, loaded, { parts, direction, env, clock });
  return { loaded, parts, notifiers, clock, env, byHand };
}

/** Names this controller to others. */
export function owner(): string {
  return `${person()}@${hostname()} pid ${process.pid}`;
}

/** Whom the machine takes the operator for. */
export function person(): string {
  return userInfo().username;
}

/** What the store knows about the service; a service that it meets for the first time is registered. */
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

/** The region whose database takes writes. What is declared must not say otherwise, unless the guards know of a newer epoch. */
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

/** A store that was lost or restored goes on above what the guards have seen. */
function highestOf(seen: readonly Look[]): { epoch: number; token: number } {
  const statuses = seen.flatMap(({ status }) => (status === null ? [] : [status]));
  return {
    epoch: Math.max(1, ...statuses.map(({ known }) => known.epoch)),
    token: Math.max(0, ...statuses.map(({ token }) => token)),
  };
}

/** Today's plan: guards asked, nothing changed. Without `to`, the region that the kind of run goes to. */
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
  return planFor(session, { kind, direction: { from, to, epoch }, consent, signal });
}

/** A plan for this direction, which an open run may have set. */
export async function planFor(
  session: Session,
  options: {
    kind: RunKind;
    direction: Direction;
    consent: Consent;
    signal: AbortSignal;
    /** How long the region that is left is waited for, ms; left out: as usual. */
    lostPatienceMs?: number;
  },
): Promise<PlannedRun> {
  const { kind, direction, consent, signal } = options;
  const { lostPatienceMs } = options;
  const { loaded, parts, env, clock } = session;
  const waits = lostPatienceMs === undefined ? {} : { lostPatienceMs };
  const definition = defineRun(kind, loaded, { parts, direction, consent, env, clock, ...waits });
  const { guards, steps } = definition;
  const [results, facts, lagHistory] = await Promise.all([
    checkGuards({ guards, clock: session.clock, signal }),
    definition.facts(),
    lagReports(session),
  ]);
  const service = session.loaded.service.name;
  const plan = makePlan({
    service,
    kind,
    ...direction,
    steps,
    guards: results,
    facts: { ...facts, lagHistory },
  });
  return { plan, digest: planDigest(plan), definition };
}

/** What was sampled of replication; `null`: nobody answers. It keeps no plan from being made. */
export async function lagReports({ parts }: Session): Promise<readonly LagReport[] | null> {
  try {
    return await parts.lag.reports();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}

/** `failback` goes home, `rejoin` takes in the region that is not active, where there is one such. */
function usualTarget(service: Service, kind: RunKind, active: string): string {
  const others = Object.keys(service.regions).filter((region) => region !== active);
  const target = kind === 'failback' ? service.home : kind === 'rejoin' ? others[0] : null;
  if (target !== null && target !== undefined && (kind === 'failback' || others.length === 1)) {
    return target;
  }
  throw cliErrors.make('usage-wrong', `${kind} needs --to REGION: one of ${others.join(', ')}`);
}

export function define(
  session: Session,
  kind: RunKind,
  direction: Direction,
  consent: Consent,
): RunDefinition {
  const { loaded, parts, env, clock } = session;
  return defineRun(kind, loaded, { parts, direction, consent, env, clock });
}
