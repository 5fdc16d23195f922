import { type Prices, pricesOf, runCost } from '../../functions/functions.ts';
import { isThrowoverError, type Watching } from '../../kernel/kernel.ts';
import type { EvidenceLog } from '../../records/records.ts';
import { watchCapacity, watchFiveMinutes } from '../../server/server.ts';
import type { Service } from '../../service/service.ts';
import type { RunState } from '../../store/store.ts';
import type { Session } from '../session.ts';

/**
 * The functions work of `serve`: records the first five minutes of runs, and finds capacity that
 * nobody released.
 */
export async function watchFunctions(
  options: {
    session: Session;
    evidence: EvidenceLog;
  } & Watching,
): Promise<void> {
  const { session, evidence, signal, failed } = options;
  const { clock, notifiers, parts, loaded } = session;
  const { name, timeScale, functions } = loaded.service;
  const common = {
    ...{ service: name, regions: parts.regions, store: parts.store },
    ...{ timeScale, clock, signal, failed },
  };
  const prices = knownPrices(loaded.service, clock.wallMs());
  const costOf = (records: RunState['records'], memoryMb: number) =>
    prices === null
      ? null
      : runCost({ prices, memoryMb, records, untilWallMs: clock.wallMs(), timeScale });
  await Promise.all([
    watchFiveMinutes({ ...common, evidence, minuteMs: timeScale.real(60_000), costOf }),
    ...(functions === undefined
      ? []
      : [
          watchCapacity({
            ...common,
            keepLifeMs: functions.holdMs,
            tell: (notice) => notifiers.tell(notice),
          }),
        ]),
  ]);
}

/**
 * Returns null for prices that are too old: they must not keep a process from starting. `throwover
 * functions` reports it.
 */
function knownPrices(service: Service, wallMs: number): Prices | null {
  try {
    return pricesOf(service, wallMs);
  } catch (error) {
    if (!isThrowoverError(error, 'functions-prices-old')) throw error;
    return null;
  }
}
