import { admitChunk, firstLosses, mustBeOfService, mustFitLedger, noSuchLoss } from '../ledger.ts';
import type { Store } from '../port.ts';
import { mustSpeak } from '../rules.ts';
import { lossRows } from './rows.ts';
import { factsOf, type Session } from './session.ts';

/** A place before every entry. */
const beginning = ['', -1, ''] as const;

export type LossCalls = Pick<Store, 'addLosses' | 'losses' | 'lossCount' | 'resolveLoss'>;

/** The ledger calls of the store. */
export function lossCalls(session: Session): LossCalls {
  const { clock, sql, read, write, serviceOf, runOf, keep } = session;

  /** The place of the entry `id` in commit order. */
  const placeOf = (service: string, id: string) => {
    const row = sql.loss.get(service, id);
    if (row === undefined) throw noSuchLoss(service, id);
    return [String(row['commit_position']), Number(row['number']), id] as const;
  };

  return {
    addLosses: async ({ service, runId, token, losses }) =>
      write(() => {
        const known = serviceOf(service);
        mustSpeak(factsOf(runOf(runId)), service, token);
        mustBeOfService(losses, service, (id) => runOf(id).summary);
        let { ledgerBytes } = known;
        for (const { loss, number, text, bytes } of admitChunk(losses)) {
          const { id, commitPosition } = loss;
          const values = [service, id, loss.runId, commitPosition, number, text, bytes];
          if (sql.addLoss.run(...values).changes === 1) ledgerBytes += bytes;
        }
        mustFitLedger(service, ledgerBytes);
        keep(known, ledgerBytes === known.ledgerBytes ? known : { ...known, ledgerBytes });
      }),

    losses: async ({ service, runId, after, limit }) =>
      read(() => {
        serviceOf(service);
        const place = after === undefined ? beginning : placeOf(service, after);
        const rows =
          runId === undefined
            ? sql.lossesOfService.iterate(service, ...place, limit)
            : sql.lossesOfRun.iterate(service, runId, ...place, limit);
        return [...firstLosses(lossRows(rows), limit)];
      }),

    lossCount: async ({ service, runId }) =>
      read(() => {
        serviceOf(service);
        const filter = runId ?? null;
        const row = sql.countLosses.get(service, filter, filter);
        return { total: Number(row?.['total']), unresolved: Number(row?.['unresolved']) };
      }),

    resolveLoss: async ({ service, id, by, note }) =>
      write(() => {
        serviceOf(service);
        const resolution = JSON.stringify({ by, note, wallMs: clock.wallMs() });
        if (sql.resolveLoss.run(resolution, service, id).changes === 0) {
          throw noSuchLoss(service, id);
        }
      }),
  };
}
