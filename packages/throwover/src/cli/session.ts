import { hostname, userInfo } from 'node:os';
import { compose, type Direction, defineRun, noSuchRegion, type Parts } from '../compose.ts';
import { type Clock, isThrowoverError } from '../kernel/kernel.ts';
import { checkGuards, makePlan, type Plan, planDigest } from '../runbook/runbook.ts';
import type { RunDefinition, RunKind } from '../runs/runs.ts';
import { type LoadedService, loadService, serviceErrors } from '../service/service.ts';
import type { ServiceState } from '../store/store.ts';

/** One service at work: what was declared, and what it stands on. */
export interface Session {
  readonly loaded: LoadedService;
  readonly parts: Parts;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
}

/** A plan, and the steps that it was made of. */
export interface PlannedRun {
  readonly plan: Plan;
  readonly digest: string;
  readonly steps: RunDefinition['steps'];
}

/** Reads the service's file and gives `work` its parts; they are closed when it ends. */
export async function withSession<T>(
  options: {
    configPath: string;
    clock: Clock;
    env: NodeJS.ProcessEnv;
  },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { configPath, clock, env } = options;
  const loaded = await loadService(configPath);
  const parts = compose(loaded.service, clock);
  try {
    return await work({ loaded, parts, clock, env });
  } finally {
    await parts.close();
  }
}

/** Names this controller to others. */
export function owner(): string {
  return `${userInfo().username}@${hostname()} pid ${process.pid}`;
}

/** What the store knows about the service; a service that it meets for the first time is registered. */
export async function serviceState(session: Session): Promise<ServiceState> {
  const { store } = session.parts;
  const { name, regions } = session.loaded.service;
  try {
    return await store.service(name);
  } catch (error) {
    if (!isThrowoverError(error, 'no-such-service')) throw error;
    const active = await firstActive(session);
    return await store.registerService({ name, regions: Object.keys(regions), active });
  }
}

/** The region whose database takes writes. What is declared must not say otherwise. */
async function firstActive({ loaded, parts }: Session): Promise<string> {
  const declared = loaded.service.active;
  const looks = await Promise.allSettled(parts.regions.map(({ database }) => database.status()));
  const roles = looks.map((look, index) => ({
    region: parts.regions[index]?.name ?? '',
    role: look.status === 'fulfilled' ? look.value.role : 'unreachable',
  }));
  const primaries = roles.filter(({ role }) => role === 'primary').map(({ region }) => region);
  const active = primaries[0] ?? declared;
  if (primaries.length <= 1 && active !== undefined && (declared ?? active) === active) {
    return active;
  }
  const seen = roles.map(({ region, role }) => `${region} is ${role}`).join(', ');
  throw serviceErrors.make(
    'active-region-unclear',
    `${declared === undefined ? 'no active region is declared' : `${declared} is declared active`}; ${seen}`,
    { declared, roles },
  );
}

/** Today's plan: guards asked, nothing changed. */
export async function planRun(
  session: Session,
  options: { kind: RunKind; to: string; signal: AbortSignal },
): Promise<PlannedRun> {
  const { kind, to, signal } = options;
  const { loaded, parts, clock } = session;
  const { service } = loaded;
  if (service.regions[to] === undefined) throw noSuchRegion(service, to);
  const { active: from, epoch } = await serviceState(session);
  if (from === to) {
    throw serviceErrors.make('already-active', `${to} is the active region of ${service.name}`, {
      to,
    });
  }
  const { guards, steps } = define(session, kind, { from, to, epoch });
  const [results, lag] = await Promise.all([
    checkGuards({ guards, clock, signal }),
    lagOf(parts, from),
  ]);
  const plan = makePlan({
    service: service.name,
    kind,
    from,
    to,
    epoch,
    steps,
    guards: results,
    facts: { lag },
  });
  return { plan, digest: planDigest(plan), steps };
}

export function define(session: Session, kind: RunKind, direction: Direction): RunDefinition {
  const { loaded, parts, env, clock } = session;
  return defineRun(kind, loaded, { parts, direction, env, clock });
}

/** How far the standby is behind; null is unknown. */
async function lagOf(parts: Parts, from: string) {
  const region = parts.regions.find(({ name }) => name === from);
  try {
    const standby = (await region?.database.status())?.standby;
    return standby ? { ms: standby.lagMs, bytes: standby.lagBytes } : null;
  } catch (error) {
    if (isThrowoverError(error)) return null;
    throw error;
  }
}
