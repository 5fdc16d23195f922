import { createWriter, firstWritable } from '@throwover/client';
import type pg from 'pg';
import { type Endpoint, systemClock } from 'throwover/kernel';
import { applicationRole, connectTo } from '../packages/lab/src/postgres/postgres.ts';
import type { WrappedRound } from './contender.ts';
import { insertOrder } from './following-writer.ts';
import { countMissing } from './load.ts';

/**
 * Number of clients that write at the same time, and the time of each from one request to the next,
 * ms: 500 writes/s.
 */
const clients = 4;
const paceMs = 8;

/** How long they continue before and after the switch, ms. */
const steadyMs = 500;

/** Longest time for one statement, ms; after it its connection counts as broken. */
const statementTimeoutMs = 2_000;

/**
 * Sends requests through the writer wrapper, with its defaults, while `act` moves the primary from
 * the first side to the second.
 */
export async function requestsThroughSwitch(
  load: { sides: readonly [Endpoint, Endpoint]; prefix: string },
  act: () => Promise<void>,
): Promise<WrappedRound> {
  const { sides, prefix } = load;
  const writer = createWriter<pg.Client>({
    open: firstWritable({
      targets: sides,
      connect: (side) => connectTo(side, { user: applicationRole, timeoutMs: statementTimeoutMs }),
    }),
    size: clients,
  });
  const answered: string[] = [];
  const failures: unknown[] = [];
  let longestMs = 0;
  const stopping = new AbortController();
  const running = Array.from({ length: clients }, async (_, client) => {
    for (let number = 1; !stopping.signal.aborted; number++) {
      const key = `${prefix}-wrapped-${client}-${number}`;
      const begunMs = systemClock.monotonicMs();
      try {
        await writer.transaction((connection) => connection.query(insertOrder, [key]));
        answered.push(key);
      } catch (error) {
        failures.push(error);
      }
      const tookMs = systemClock.monotonicMs() - begunMs;
      longestMs = Math.max(longestMs, tookMs);
      await systemClock.sleep(Math.max(0, paceMs - tookMs));
    }
  });
  try {
    await systemClock.sleep(steadyMs);
    await act();
    await systemClock.sleep(steadyMs);
  } finally {
    stopping.abort();
    await Promise.all(running);
    writer.close();
  }
  return {
    requests: answered.length + failures.length,
    failed: failures.length,
    writesLost: await countMissing(sides[1], answered),
    longestMs,
  };
}
