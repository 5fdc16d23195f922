import type { RequestRecord, WebhookRecord } from 'throwover';
import { z } from 'zod';
import { violation } from './violations.ts';

/**
 * Judges one round from outside: by the records of clients and sender, by the contents of both
 * databases, and by the ledger. It uses nothing that throwover reports about itself, except when it
 * opened the new epoch.
 */

/** The rows that a superuser reads in one region's database. */
export interface Side {
  readonly orders: readonly { readonly key: string; readonly id: string; readonly atMs: number }[];
  /** Ids of webhook events that had their effect. */
  readonly payments: readonly string[];
}

/** One row of `throwover losses`, with the fields that the oracle needs. */
export interface LedgerRow {
  readonly table: string;
  readonly operation: string;
  readonly key: Readonly<Record<string, string | null>> | null;
}

export interface RoundFacts {
  /** Nothing may be lost: the run was a switchover, or it was undone. */
  readonly planned: boolean;
  readonly from: string;
  /** The region that is active when the round ends. */
  readonly active: string;
  /** A person accepted by name that both sides may write for a while. */
  readonly twoWritersAccepted: boolean;
  readonly lossBoundMs: number;
  readonly faultMs: number;
  /** When the run was asked for, wall ms; `null`: no person asked. */
  readonly approvedMs: number | null;
  /** When the new epoch was opened, wall ms; `null`: none was opened. */
  readonly epochOpenedMs: number | null;
  /** When the old region could run again, wall ms; `null`: it never stopped. */
  readonly wokeMs: number | null;
  readonly requests: readonly RequestRecord[];
  readonly webhooks: readonly WebhookRecord[];
  /**
   * The old side as it came back, before anything was removed from it; `null`: nothing was left
   * behind.
   */
  readonly old: Side | null;
  readonly survivors: Side;
  /** `null`: the run lost nothing that must be reported. */
  readonly ledger: readonly LedgerRow[] | null;
}

export const roundFigures = z.object({
  acknowledged: z.number(),
  lostAcknowledged: z.number(),
  lostUnacknowledged: z.number(),
  /**
   * Time from the oldest acknowledged write that was lost to the fault, ms; `null`: none was lost.
   */
  lossMs: z.number().nullable(),
  /** Time from the fault to the first write that the active side acknowledged after it, ms. */
  faultToWriteMs: z.number().nullable(),
  approvalToWriteMs: z.number().nullable(),
  /** Longest time between two acknowledged writes, ms. */
  writeGapMs: z.number().nullable(),
  failed: z.number(),
  /** Rows that the old side committed after it woke, by its own clock. */
  lateCommits: z.number(),
  /** Time from waking to the last of those rows, ms. */
  lateWindowMs: z.number().nullable(),
  webhooks: z.number(),
});
type RoundFigures = z.infer<typeof roundFigures>;

export function judge(facts: RoundFacts) {
  const figures = figuresOf(facts);
  return {
    figures,
    violations: [
      ...lossViolations(facts, figures),
      ...idViolations(facts),
      ...twoWriterViolations(facts, figures),
      ...ledgerViolations(facts),
      ...webhookViolations(facts),
      ...(figures.faultToWriteMs === null ? ['no write was acknowledged after the fault'] : []),
    ],
  };
}

function figuresOf(facts: RoundFacts): RoundFigures {
  const writes = acknowledgedWrites(facts);
  const kept = keysOf(facts.survivors);
  const lost = writes.filter(({ key }) => !kept.has(key));
  const acknowledgedKeys = new Set(writes.map(({ key }) => key));
  const left = leftBehind(facts);
  const late = lateOrders(facts);
  const first = writes
    .filter(({ region, sentMs }) => region === facts.active && sentMs >= facts.faultMs)
    .map(({ endMs }) => endMs)
    .reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const found = Number.isFinite(first);
  return {
    acknowledged: writes.length,
    lostAcknowledged: lost.length,
    lostUnacknowledged: left.filter(({ key }) => !acknowledgedKeys.has(key) && !kept.has(key))
      .length,
    lossMs:
      lost.length === 0
        ? null
        : Math.max(0, facts.faultMs - Math.min(...lost.map(({ endMs }) => endMs))),
    faultToWriteMs: found ? first - facts.faultMs : null,
    approvalToWriteMs: found && facts.approvedMs !== null ? first - facts.approvedMs : null,
    writeGapMs: longestGapMs(writes.map(({ endMs }) => endMs)),
    failed: facts.requests.filter(({ ok, stale }) => !ok && !stale).length,
    lateCommits: late.length,
    lateWindowMs:
      late.length === 0 || facts.wokeMs === null
        ? null
        : Math.max(...late.map(({ atMs }) => atMs)) - facts.wokeMs,
    webhooks: facts.webhooks.length,
  };
}

function lossViolations(facts: RoundFacts, figures: RoundFigures): readonly string[] {
  const { planned, lossBoundMs, survivors, old } = facts;
  const { lostAcknowledged, lossMs } = figures;
  const anywhere = new Set([...keysOf(survivors), ...(old === null ? [] : keysOf(old))]);
  const nowhere = acknowledgedWrites(facts).filter(({ key }) => !anywhere.has(key));
  return [
    ...violation(planned ? lostAcknowledged : 0, 'acknowledged writes lost in a planned switch'),
    ...(!planned && lossMs !== null && lossMs > lossBoundMs
      ? [`lost writes reach back ${Math.round(lossMs)} ms, beyond the bound of ${lossBoundMs}`]
      : []),
    ...violation(old === null ? 0 : nowhere.length, 'acknowledged writes are in neither database'),
  ];
}

/** Returns the ids that belong to two orders, in one database or across both. */
function idViolations({ old, survivors }: RoundFacts): readonly string[] {
  const keyOf = new Map<string, string>();
  const twice = new Set<string>();
  for (const { id, key } of [...survivors.orders, ...(old?.orders ?? [])]) {
    const known = keyOf.get(id);
    if (known !== undefined && known !== key) twice.add(id);
    keyOf.set(id, key);
  }
  return violation(twice.size, `ids issued twice: ${[...twice].slice(0, 3).join(', ')}`);
}

function twoWriterViolations(facts: RoundFacts, figures: RoundFigures): readonly string[] {
  if (facts.twoWritersAccepted) return [];
  const { epochOpenedMs, from, active } = facts;
  if (epochOpenedMs === null || from === active) return [];
  const late = acknowledgedWrites(facts).filter(
    ({ region, sentMs }) => region === from && sentMs > epochOpenedMs,
  );
  return [
    ...violation(late.length, `writes acknowledged in ${from} after the new epoch was open`),
    ...violation(figures.lateCommits, `transactions committed in ${from} after it woke`),
  ];
}

/** The ledger must hold exactly the rows that the old side has and the new one does not. */
function ledgerViolations(facts: RoundFacts): readonly string[] {
  const { ledger, old } = facts;
  if (ledger === null || old === null) return [];
  const inserts = (table: string, column: string) =>
    ledger
      .filter((row) => row.table === table && row.operation === 'insert')
      .map(({ key }) => key?.[column] ?? '');
  const lostOrders = leftBehind(facts).map(({ key }) => key);
  return [
    ...difference('orders', lostOrders, inserts('public.orders', 'idempotency_key')),
    ...difference('payments', paymentsLeftBehind(facts), inserts('public.payments', 'event_id')),
  ];
}

function difference(what: string, expected: readonly string[], told: readonly string[]): string[] {
  const wanted = new Set(expected);
  const given = new Set(told);
  const missing = expected.filter((key) => !given.has(key));
  const extra = told.filter((key) => !wanted.has(key));
  return [
    ...violation(missing.length, `lost ${what} are not in the ledger`),
    ...violation(extra.length, `${what} in the ledger are not lost`),
    ...violation(told.length - given.size, `${what} stand twice in the ledger`),
  ];
}

/**
 * Every event that a gateway accepted must have its effect in the surviving database in the end.
 */
function webhookViolations({ webhooks, survivors }: RoundFacts): readonly string[] {
  const effects = new Set(survivors.payments);
  const missing = webhooks.filter(({ id, state }) => state === 'delivered' && !effects.has(id));
  return [
    ...violation(missing.length, 'accepted webhooks have no effect'),
    ...violation(survivors.payments.length - effects.size, 'webhooks had their effect twice'),
  ];
}

function acknowledgedWrites({ requests }: RoundFacts) {
  return requests.flatMap((request) =>
    request.kind === 'write' && request.ok && request.key !== null
      ? [{ ...request, key: request.key }]
      : [],
  );
}

const keysOf = ({ orders }: Side) => new Set(orders.map(({ key }) => key));

/**
 * Returns the rows of the old side that the new side does not have. A request that was written
 * there and then forwarded is a row of the same key in both databases, with different ids: the old
 * row still counts as lost.
 */
function leftBehind({ old, survivors }: RoundFacts): readonly Side['orders'][number][] {
  const rows = new Set(survivors.orders.map(rowOf));
  return (old?.orders ?? []).filter((order) => !rows.has(rowOf(order)));
}

const rowOf = ({ key, id }: { key: string; id: string }) => `${id} ${key}`;

/**
 * Returns the lost payment rows. An event that was delivered again has its effect on both sides:
 * then its row is lost but its effect is not.
 */
function paymentsLeftBehind({ old, ledger, survivors }: RoundFacts): readonly string[] {
  const kept = new Set(survivors.payments);
  const told = new Set(ledger?.map(({ key }) => key?.['event_id'] ?? ''));
  return (old?.payments ?? []).filter((id) => !kept.has(id) || told.has(id));
}

function lateOrders(facts: RoundFacts) {
  const { wokeMs } = facts;
  return wokeMs === null ? [] : leftBehind(facts).filter(({ atMs }) => atMs > wokeMs);
}

function longestGapMs(times: readonly number[]): number | null {
  const sorted = [...times].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((time, index) => time - (sorted[index] ?? time));
  return gaps.length === 0 ? null : Math.max(...gaps);
}
