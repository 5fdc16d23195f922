import { commandOf, type DatabaseSide, type Promotion } from '../authority/authority.ts';
import type { Evidence } from '../kernel/kernel.ts';
import {
  done,
  type Guard,
  look,
  pending,
  refused,
  type Step,
  type StepContext,
} from '../runbook/runbook.ts';
import { journalOf, type Store } from '../store/store.ts';
import type { Consent } from './consent.ts';
import { replicationErrors } from './errors.ts';
import { positionPollMs } from './timings.ts';

/** Rows in one message: a store accepts at most 500 at a time. */
const pageRows = 500;

/** Number of newest runs that are searched for the last rejoin. */
const runsLookedAt = 20;

const override = 'without-ledger';

/**
 * Writes every commit that only the returned side has to the ledger of lost writes, before
 * `attach-old` discards it. The returned side is never opened for that.
 */
export function salvage(options: {
  returned: DatabaseSide;
  store: Store;
  promotion: () => Promise<Promotion>;
  timeoutMs: number;
  consent: Consent;
}): Step<'salvage'> {
  const { returned, store, timeoutMs, consent } = options;
  let found: Evidence | null = null;
  let unavailable: string | null = null;
  return {
    name: 'salvage',
    title: `Write down what ${returned.region} alone had committed`,
    waits: 'machine',
    timeoutMs,
    pollMs: positionPollMs,
    undo: { none: 'a ledger that is written stays' },
    observe: () =>
      look(async () => {
        if (found !== null) return done(found);
        if (unavailable !== null) return withoutLedger(returned.region, unavailable, consent);
        const { role, streaming, promotion } = await returned.status();
        // One that has diverged streams too, up to the switch: it follows when it has the promotion.
        if (role === 'standby' && streaming) {
          const { epoch } = await options.promotion();
          if (promotion?.epoch === epoch) return done({ notNeeded: 'it follows already' });
        }
        return pending({ role });
      }),
    act: async (context) => {
      const result = await keepLosses(context, { ...options, store, returned });
      if ('found' in result) found = result.found;
      else unavailable = result.unavailable;
    },
  };
}

/**
 * Copies the losses to the ledger; returns the evidence, or why there can be no ledger, and whether there
 * was something to write down. Safe to repeat: pages and ids are the same each time.
 */
export async function keepLosses(
  { run, progress }: StepContext,
  options: { returned: DatabaseSide; store: Store; promotion: () => Promise<Promotion> },
): Promise<{ found: Evidence } | { unavailable: string; some: boolean }> {
  const { returned, store } = options;
  const { epoch, switchPosition } = await options.promotion();
  const { service, runId, token } = run;
  const transactions = new Set<string>();
  for (let from = 0; ; from += pageRows) {
    const page = await returned.salvage({
      ...commandOf(run),
      epoch,
      switchPosition,
      from,
      limit: pageRows,
    });
    if (page.state === 'unavailable') {
      return { unavailable: page.why, some: page.some === true };
    }
    const { losses, total, blind } = page;
    if (losses.length > 0) await store.addLosses({ service, runId, token, losses });
    for (const { transaction } of losses) transactions.add(transaction);
    progress(`${Math.min(from + pageRows, total)} of ${total} rows`);
    if (from + pageRows >= total) {
      return { found: { rows: total, transactions: transactions.size, blindTables: blind } };
    }
  }
}

export function withoutLedger(region: string, why: string, { overrides }: Consent) {
  if (overrides.includes(override)) return done({ unavailable: why });
  return refused(
    replicationErrors.make(
      'ledger-unavailable',
      `what ${region} alone had committed cannot be told: ${why}`,
      { region, why },
    ),
  );
}

/**
 * The guard that refuses if the last rejoin found that there can be no ledger, so that a person
 * knows it before approving the next one.
 */
export function ledgerPossible(options: { store: Store; service: string; region: string }): Guard {
  const { store, service, region } = options;
  return {
    name: 'ledger-possible',
    title: `What ${region} alone had committed can be written down`,
    check: async () => {
      const runs = await store.runs({ service, limit: runsLookedAt });
      const last = runs.find(({ kind, to }) => kind === 'rejoin' && to === region);
      if (last === undefined || last.status === 'succeeded') return [];
      const records = (await journalOf(store, last.runId))?.records ?? [];
      const failed = records.findLast((record) => record.type === 'step-failed');
      if (failed?.type !== 'step-failed' || failed.error.code !== 'ledger-unavailable') return [];
      const { message, evidence } = failed.error;
      return [{ error: replicationErrors.make('ledger-unavailable', message, evidence), override }];
    },
  };
}
