import type { Clock } from '../../kernel/kernel.ts';
import type { ServiceFacts } from '../epochs.ts';
import {
  admitChunk,
  byCommit,
  firstLosses,
  type LossEntry,
  mustBeOfService,
  mustFitLedger,
  noSuchLoss,
} from '../ledger.ts';
import type { Store } from '../port.ts';
import { mustSpeak, type RunFacts } from '../rules.ts';

/** The ledger of one service, by id. */
export type Ledger = Map<string, LossEntry>;

/** The ledger calls of the store in memory. */
export function ledgerCalls(options: {
  clock: Clock;
  ledgers: Map<string, Ledger>;
  serviceOf: (name: string) => ServiceFacts;
  keep: (facts: ServiceFacts) => void;
  runOf: (runId: string) => RunFacts;
}): Pick<Store, 'addLosses' | 'losses' | 'lossCount' | 'resolveLoss'> {
  const { clock, ledgers, serviceOf, keep, runOf } = options;

  const ledgerOf = (service: string): Ledger => {
    serviceOf(service);
    return ledgers.get(service) ?? new Map();
  };
  const entriesOf = (service: string, runId: string | undefined) =>
    [...ledgerOf(service).values()].filter(
      ({ loss }) => runId === undefined || loss.runId === runId,
    );

  return {
    addLosses: async ({ service, runId, token, losses }) => {
      const facts = serviceOf(service);
      mustSpeak(runOf(runId), service, token);
      mustBeOfService(losses, service, runOf);
      const ledger = ledgerOf(service);
      const added: Ledger = new Map();
      let { ledgerBytes } = facts;
      for (const entry of admitChunk(losses)) {
        const { id } = entry.loss;
        if (ledger.has(id) || added.has(id)) continue;
        added.set(id, entry);
        ledgerBytes += entry.bytes;
      }
      mustFitLedger(service, ledgerBytes);
      for (const [id, entry] of added) ledger.set(id, entry);
      ledgers.set(service, ledger);
      keep({ ...facts, ledgerBytes });
    },

    losses: async ({ service, runId, after, limit }) => {
      const start = after === undefined ? undefined : ledgerOf(service).get(after);
      if (after !== undefined && start === undefined) throw noSuchLoss(service, after);
      const entries = entriesOf(service, runId)
        .filter((entry) => start === undefined || byCommit(entry, start) > 0)
        .sort(byCommit);
      return [...firstLosses(entries, limit)];
    },

    lossCount: async ({ service, runId }) => {
      const entries = entriesOf(service, runId);
      const unresolved = entries.filter(({ loss }) => loss.resolution === null).length;
      return { total: entries.length, unresolved };
    },

    resolveLoss: async ({ service, id, by, note }) => {
      const entry = ledgerOf(service).get(id);
      if (entry === undefined) throw noSuchLoss(service, id);
      const resolution = { by, note, wallMs: clock.wallMs() };
      ledgerOf(service).set(id, { ...entry, loss: { ...entry.loss, resolution } });
    },
  };
}
