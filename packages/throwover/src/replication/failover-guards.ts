import {
  type DatabaseSide,
  type DatabaseStatus,
  guardOfAnotherPair,
  type Unsent,
  unconfirmedAt,
} from '../authority/authority.ts';
import { type Clock, isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import type { Guard } from '../runbook/runbook.ts';
import type { Store } from '../store/store.ts';
import { lossAboveBound } from './catch-up.ts';
import { replicationErrors } from './errors.ts';
import { aboveBound } from './exposure.ts';
import { fenceNotPossible } from './fence.ts';
import { never, strangerRefusals } from './guards.ts';
import type { LossView } from './loss.ts';
import type { Exposure } from './outcomes.ts';
import { guardPatienceMs } from './timings.ts';

/**
 * The guard that the new side can be promoted: it answers, as a standby. It need not stream,
 * because its source may be dead.
 */
export function standbyAnswers(options: {
  service: string;
  from: DatabaseSide;
  to: DatabaseSide;
  lostPatienceMs: number;
  strict: boolean;
}): Guard {
  const { service, from, to, lostPatienceMs, strict } = options;
  return {
    name: 'standby-answers',
    title: `${to.region}'s database answers, as a standby`,
    check: async ({ clock }) => {
      const [next, old] = await Promise.all([
        to.status(),
        lostStatusOf(from, lostPatienceMs, clock),
      ]);
      const strangers = strangerRefusals(service, [from, old], [to, next]);
      if (strangers.length > 0) return strangers;
      const expected = { service, region: to.region, peer: from.region };
      // The end of a lease is no proof if another guard may extend that lease too.
      const unconfirmed = strict ? unconfirmedAt(expected, next) : null;
      if (unconfirmed !== null) {
        return [{ error: guardOfAnotherPair(unconfirmed, expected), override: null }];
      }
      const { role, streaming } = next;
      if (role === 'standby') return [];
      return [
        never('standby-not-ready', `${to.region}'s database is ${role}`, { role, streaming }),
      ];
    },
  };
}

/**
 * The guard that the loss would be within the bound. It refuses nothing while the old side answers,
 * because that side is closed first; `catch-up` checks again before the point of no return.
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
    // The possible loss grows while the old side does not answer: a plan that was within the bound
    // when it was read may exceed it when it is approved.
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

/**
 * The guard that the old side can be shown to have stopped writing: by itself, or, in strict mode,
 * by the end of its lease.
 */
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
    // A guard that answers while the plan is made may be silent when it is to close its database.
    ...(strict ? {} : { mayAsk: ['two-writers'] }),
    check: async ({ clock }) => {
      if (strict) return [];
      const old = await lostStatusOf(from, lostPatienceMs, clock);
      const stopped = old?.role === 'stopped';
      if (old !== null && !stopped) return [];
      return [{ error: fenceNotPossible(from.region, { stopped }), override: 'two-writers' }];
    },
  };
}

/** Returns the possible loss at this moment, for a plan before it is approved. */
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
    answerOrNull(within(clock, guardPatienceMs, to.status())),
  ]);
  return loss({ received: next?.received ?? null, oldAnswers: old?.role === 'primary' });
}

/** Number of rows that a plan shows. */
const shownRows = 5;

/**
 * Returns some of the writes that the old side has and the new one does not, if the old side can
 * still be asked; `null` if not.
 */
export async function unsentNow(options: {
  from: DatabaseSide;
  to: DatabaseSide;
  lostPatienceMs: number;
  clock: Clock;
}): Promise<Unsent | null> {
  const { from, to, lostPatienceMs, clock } = options;
  const look = async (): Promise<Unsent | null> => {
    const { received: beyond } = await to.status();
    if (beyond === null) return null;
    // If the sample cannot be read, the plan is made without it.
    return from.unsent({ beyond, limit: shownRows }).catch((error): Unsent => {
      if (!isThrowoverError(error)) throw error;
      return { state: 'unavailable', why: error.message };
    });
  };
  return answerOrNull(within(clock, lostPatienceMs, look()));
}

/**
 * The guard that a returned region can be attached: it answers, it is not the active one, and the
 * active one was promoted.
 */
export function canRejoin(options: {
  service: string;
  active: DatabaseSide;
  returned: DatabaseSide;
}): Guard {
  const { service, active, returned } = options;
  return {
    name: 'can-rejoin',
    title: `${active.region} is the primary since a promotion, and ${returned.region}'s guard answers`,
    check: async () => {
      const [primary, back] = await Promise.all([active.status(), returned.status()]);
      const strangers = strangerRefusals(service, [active, primary], [returned, back]);
      if (strangers.length > 0) return strangers;
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

/**
 * Ways in which an epoch was opened when the earlier region may have been lost, so that its writes
 * may be in the ledger.
 */
const leftInNeed: readonly string[] = ['failover', 'adopted'];

/**
 * The guard that refuses a switchover home after a failover: failback is a plan of its own, which
 * must be requested by name (A8).
 */
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

/** The guard that a person has resolved every lost write. */
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

/**
 * Returns the status of the side that is left; `null` if it does not answer within `patienceMs`.
 * Unreachable is not dead.
 */
function lostStatusOf(
  side: DatabaseSide,
  patienceMs: number,
  clock: Clock,
): Promise<DatabaseStatus | null> {
  return answerOrNull(within(clock, patienceMs, side.status()));
}

async function answerOrNull<T>(asked: Promise<T | typeof noAnswer>): Promise<T | null> {
  const answer = await asked;
  return answer === noAnswer ? null : answer;
}
