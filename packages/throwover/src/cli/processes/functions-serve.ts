import { type Prices, pricesOf } from '../../functions/functions.ts';
import { isThrowoverError, type Watching } from '../../kernel/kernel.ts';
import type { EvidenceLog } from '../../records/records.ts';
import { watchCapacity, watchFiveMinutes } from '../../server/server.ts';
import type { Service } from '../../service/service.ts';
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
  await Promise.all([
    watchFiveMinutes({ ...common, evidence, prices }),
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
