import { type Endpoint, systemClock } from 'throwover/kernel';
import { withClient } from '../packages/lab/src/postgres/postgres.ts';
import { until } from '../packages/lab/src/world/json.ts';
import type { FailoverRound, SwitchRound } from './contender.ts';
import { type Acknowledged, startFollowingWriter, writeGapMs } from './following-writer.ts';

/** The writer's pace, ms: about 500 writes/s on a machine whose write takes 1 ms. */
const paceMs = 1;

/** How long the writer writes before and after each switch, ms. */
const steadyMs = 500;

/** Time between two looks for the first write on the other side, ms. */
const pollMs = 2;

export interface Load {
  /** [primary, standby]: the address at which each region's application reaches its database. */
  readonly sides: readonly [Endpoint, Endpoint];
  /** Prefix of every idempotency key, so that keys of different rounds do not collide. */
  readonly prefix: string;
  /** Longest wait for the first write on the other side, ms. */
  readonly patienceMs: number;
}

/**
 * Runs `act` under the load; returns the longest gap around it, and the writes that the new primary
 * does not have.
 */
export async function switchUnderLoad(load: Load, act: () => Promise<void>): Promise<SwitchRound> {
  const writer = startFollowingWriter({ ...load, paceMs });
  try {
    await systemClock.sleep(steadyMs);
    await act();
    const firstAtMs = await firstWriteBeyond(load, writer.acknowledged);
    if (firstAtMs === null) throw new Error(`no write on the other side in ${load.patienceMs} ms`);
    await systemClock.sleep(steadyMs);
    await writer.stop();
    return {
      writeGapMs: writeGapMs(writer.acknowledged),
      writesLost: await countMissing(load.sides[1], keysOf(writer.acknowledged)),
    };
  } finally {
    await writer.stop();
  }
}

/**
 * Loses the primary's side under the load and waits for the first write on the other one. `answer`
 * is the reaction of a person or of a standing policy; it returns the time of the approval.
 */
export async function loseUnderLoad(
  load: Load,
  acts: {
    /** Time of the loss in the agents' loops, ms after the load is steady. */
    readonly afterMs: number;
    readonly lose: () => Promise<void>;
    readonly answer?: () => Promise<{ readonly approvedAtMs: number }>;
  },
): Promise<FailoverRound> {
  const writer = startFollowingWriter({ ...load, paceMs });
  try {
    await systemClock.sleep(steadyMs + acts.afterMs);
    const lostAtMs = systemClock.monotonicMs();
    await acts.lose();
    const approved = (await acts.answer?.()) ?? null;
    const firstAtMs = await firstWriteBeyond(load, writer.acknowledged);
    if (firstAtMs === null) {
      return { lossToFirstWriteMs: null, approvalToFirstWriteMs: null, writesLost: 0 };
    }
    await systemClock.sleep(steadyMs);
    // Connections to the lost side are closed by force in their own time; this does not wait for
    // them.
    const lost = await countMissing(load.sides[1], keysOf(writer.acknowledged));
    return {
      lossToFirstWriteMs: firstAtMs - lostAtMs,
      approvalToFirstWriteMs: approved === null ? null : firstAtMs - approved.approvedAtMs,
      writesLost: lost,
    };
  } finally {
    await writer.stop();
  }
}

/**
 * Returns when the other side acknowledged its first write, ms on the writer's clock; null: not in
 * time.
 */
function firstWriteBeyond(
  { patienceMs }: Load,
  acknowledged: readonly Acknowledged[],
): Promise<number | null> {
  const first = async () => acknowledged.find(({ side }) => side === 1)?.atMs;
  const patience = { timeoutMs: patienceMs, pollMs };
  return until('a write on the other side', first, patience).catch(() => null);
}

const keysOf = (acknowledged: readonly Acknowledged[]) => acknowledged.map(({ key }) => key);

/** Returns the number of these keys whose order is missing on this side. */
export async function countMissing(side: Endpoint, keys: readonly string[]): Promise<number> {
  return withClient(side, async (client) => {
    const { rows } = await client.query(
      `SELECT count(*)::int AS missing FROM unnest($1::text[]) AS key
       WHERE NOT EXISTS (SELECT FROM orders WHERE idempotency_key = key)`,
      [keys],
    );
    return rows[0].missing;
  });
}
