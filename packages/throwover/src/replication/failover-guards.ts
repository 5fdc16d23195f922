import type { DatabaseSide, DatabaseStatus, Unsent } from '../authority/database-side.ts';
import { type Clock, isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import type { Guard } from '../runbook/step.ts';
import type { Store } from '../store/store.ts';
import { lossAboveBound } from './catch-up.ts';
import { replicationErrors } from './errors.ts';
import { aboveBound, type Exposure } from './exposure.ts';
import { fenceNotPossible } from './fence.ts';
import { never } from './guards.ts';
import type { LossView } from './loss.ts';
import { guardPatienceMs } from './timings.ts';

/** The new side can be promoted at all: it answers, as a standby. That it streams is not asked: its source may be dead. */
export function standbyAnswers(to: DatabaseSide): Guard {
  return {
    name: 'standby-answers',
    title: `${to.region}'s database answers, as a standby`,
    check: async () => {
      const { role, streaming } = await to.status();
      if (role === 'standby') return [];
      return [
        never('standby-not-ready', `${to.region}'s database is ${role}`, { role, streaming }),
      ];
    },
  };
}

/**
 * What would be lost is within the bound. An old side that answers is closed first, so it refuses
 * nothing here: `catch-up` looks again before the point of no return.
 */
export function lossWithinBound(options: {
  from: DatabaseSide;
  to: DatabaseSide;
  lostPatienceMs: number;
  loss: LossView;
  boundMs: number;
}): Guard {
  const { from, boundMs } = options;
  return {
    name: 'loss-bound',
    // It grows while the old side is silent: a plan that was read within the bound may be approved beyond it.
    mayAsk: ['loss-above-bound'],
    title: `At most ${boundMs} ms of acknowledged writes would be lost`,
    check: async ({ clock }) => {
      const exposure = await exposureNow({ ...options, clock });
      if (!aboveBound(exposure, boundMs)) return [];
      const error = lossAboveBound({ exposure, boundMs, from: from.region });
      return [{ error, override: 'loss-above-bound' }];
    },
  };
}

/** Somebody can say that the old side has stopped writing: itself, or, in strict mode, its lease. */
export function oneWriter(options: {
  from: DatabaseSide;
  lostPatienceMs: number;
  strict: boolean;
}): Guard {
  const { from, lostPatienceMs, strict } = options;
  return {
    name: 'one-writer',
    title: strict
      ? `${from.region} stops writing: it says so, or its lease ends`
      : `${from.region} stops writing: its guard answers and can close it`,
    check: async ({ clock }) => {
      if (strict || (await lostStatusOf(from, lostPatienceMs, clock)) !== null) return [];
      return [{ error: fenceNotPossible(from.region, {}), override: 'two-writers' }];
    },
  };
}

/** What a plan shows before anybody approves it: the loss as it stands now. */
export async function exposureNow(options: {
  from: DatabaseSide;
  to: DatabaseSide;
  lostPatienceMs: number;
  loss: LossView;
  clock: Clock;
}): Promise<Exposure> {
  const { from, to, lostPatienceMs, loss, clock } = options;
  const [old, next] = await Promise.all([
    lostStatusOf(from, lostPatienceMs, clock),
    orNull(within(clock, guardPatienceMs, to.status())),
  ]);
  return loss({ received: next?.received ?? null, oldAnswers: old?.role === 'primary' });
}

/** Rows that a plan shows. */
const shownRows = 5;

/** Some of what the old side has and the new one has not, where the old one can still be asked; `null`: it cannot. */
export async function unsentNow(options: {
  from: DatabaseSide;
  to: DatabaseSide;
  lostPatienceMs: number;
  clock: Clock;
}): Promise<Unsent | null> {
  const { from, to, lostPatienceMs, clock } = options;
  const look = async (): Promise<Unsent | null> => {
    const { received: beyond } = await to.status();
    if (beyond === null || from.unsent === undefined) return null;
    // A sample is no reason to have no plan.
    return from.unsent({ beyond, limit: shownRows }).catch((error): Unsent => {
      if (!isThrowoverError(error)) throw error;
      return { state: 'unavailable', why: error.message };
    });
  };
  return orNull(within(clock, lostPatienceMs, look()));
}

/** A returned region can be taken in: it answers, is not the active one, and the active one was promoted. */
export function canRejoin(options: { active: DatabaseSide; returned: DatabaseSide }): Guard {
  const { active, returned } = options;
  return {
    name: 'can-rejoin',
    title: `${active.region} is the primary since a promotion, and ${returned.region}'s guard answers`,
    check: async () => {
      const [primary] = await Promise.all([active.status(), returned.status()]);
      if (primary.role !== 'primary') {
        const message = `${active.region}'s database is ${primary.role}, not the primary`;
        return [never('not-the-primary', message, { role: primary.role })];
      }
      if (primary.promotion !== null) return [];
      const message = `${active.region} was never promoted: ${returned.region} has nothing to come back to`;
      return [never('nothing-to-follow', message, {})];
    },
  };
}

/** How an epoch was opened when the region before it may have been lost: writes of its may be in the ledger. */
const leftInNeed: readonly string[] = ['failover', 'adopted'];

/** A switchover home after a failover is refused: failback is a plan of its own, asked for by name (A8). */
export function failbackUnlocked(options: {
  store: Store;
  service: string;
  to: string;
  home: string | null;
}): Guard {
  const { store, service, to, home } = options;
  return {
    name: 'failback-unlocked',
    title: `Going to ${to} is no way home after a failover`,
    check: async () => {
      const { openedBy } = await store.service(service);
      if (to !== home || !leftInNeed.includes(openedBy)) return [];
      const how = openedBy === 'failover' ? 'a failover' : 'a promotion by hand';
      const message = `${to} is home, and was left by ${how}`;
      return [never('failback-locked', message, { openedBy })];
    },
  };
}

export function goesHome(options: { to: string; home: string | null }): Guard {
  const { to, home } = options;
  return {
    name: 'goes-home',
    title: `${to} is home`,
    check: async () => {
      if (to === home) return [];
      return [never('not-home', `home is ${home ?? 'not declared'}, not ${to}`, { home })];
    },
  };
}

/** A person has said of every lost write what became of it. */
export function lossesRead(options: { store: Store; service: string }): Guard {
  const { store, service } = options;
  return {
    name: 'losses-read',
    title: 'A person has resolved every entry of the ledger of lost writes',
    check: async () => {
      const { unresolved: open } = await store.lossCount({ service });
      if (open === 0) return [];
      const error = replicationErrors.make(
        'losses-unresolved',
        `${open} lost writes wait for a person`,
        { unresolved: open },
      );
      return [{ error, override: 'unresolved-losses' }];
    },
  };
}

/** Of the side that is left; null when nobody answers soon: unreachable is not dead. */
function lostStatusOf(
  side: DatabaseSide,
  patienceMs: number,
  clock: Clock,
): Promise<DatabaseStatus | null> {
  return orNull(within(clock, patienceMs, side.status()));
}

async function orNull<T>(asked: Promise<T | typeof noAnswer>): Promise<T | null> {
  const answer = await asked;
  return answer === noAnswer ? null : answer;
}
