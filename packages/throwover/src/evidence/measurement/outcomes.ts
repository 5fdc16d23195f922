import { lifeOfWait } from './life-time.ts';
import type { RequestRecord, RunEvidence, WebhookRecord } from './run-evidence.ts';

/**
 * From this delay on a webhook's effect counts as late, life ms: an hourly job would not notice a
 * minute, but a buyer who waits for a receipt does.
 */
const webhookLateMs = 60_000;

export type RequestOutcome = 'answered' | 'stale' | 'failed';

/** Returns the outcome of a request. Every request has exactly one, so each is counted once. */
export function outcomeOf(request: Pick<RequestRecord, 'ok' | 'stale'>): RequestOutcome {
  if (request.stale) return 'stale';
  return request.ok ? 'answered' : 'failed';
}

/** Whether the request is a write that the client was told is done. */
export function isAcknowledgedWrite(
  request: RequestRecord,
): request is RequestRecord & { readonly key: string } {
  if (request.kind !== 'write' || request.status < 200 || request.status > 299) return false;
  if (request.key === null) throw new Error('a write was recorded without its key');
  return true;
}

export type WebhookOutcome = 'in-time' | 'late' | 'missed' | 'pending';

/**
 * Returns the outcome of each event, by id.
 *
 * missed: no effect in the database that survives, and nobody will deliver it: the sender got a 2xx
 * or gave up. late: its effect came more than a minute of life time after the event. pending: no
 * effect yet, and the sender still tries; it counts as late once that lasts longer than a minute of
 * life time.
 */
export function webhookOutcomes(evidence: RunEvidence): ReadonlyMap<string, WebhookOutcome> {
  const effects = effectTimes(evidence);
  return new Map(
    evidence.webhooks.map((webhook) => [webhook.id, webhookOutcome(webhook, effects, evidence)]),
  );
}

function webhookOutcome(
  webhook: WebhookRecord,
  effects: ReadonlyMap<string, number>,
  evidence: RunEvidence,
): WebhookOutcome {
  const effectMs = effects.get(webhook.id);
  if (effectMs !== undefined) {
    const delayMs = delayLifeMs(webhook, { untilMs: effectMs, waiting: false }, evidence);
    return delayMs > webhookLateMs ? 'late' : 'in-time';
  }
  if (webhook.state !== 'retrying') return 'missed';
  const delayMs = delayLifeMs(webhook, { untilMs: evidence.toMs, waiting: true }, evidence);
  return delayMs > webhookLateMs ? 'late' : 'pending';
}

/**
 * Returns the delay from the event to a moment, in life time. The sender's waits between attempts
 * (and the current one, when `waiting`) are scaled in the lab; the rest counts as it passed.
 */
function delayLifeMs(
  { createdMs, attempts }: WebhookRecord,
  { untilMs, waiting }: { untilMs: number; waiting: boolean },
  evidence: RunEvidence,
): number {
  const totalMs = Math.max(0, untilMs - createdMs);
  const times = attempts.map(({ atMs }) => atMs).filter((atMs) => atMs <= untilMs);
  if (times.length === 0) return totalMs;
  const waitedUntilMs = waiting ? untilMs : Math.max(...times);
  const waitedMs = Math.min(totalMs, waitedUntilMs - Math.min(...times));
  return totalMs - waitedMs + lifeOfWait(evidence, waitedMs);
}

/** Returns when each event first had an effect in the database that survives. */
export function effectTimes({ survivors }: RunEvidence): ReadonlyMap<string, number> {
  const effects = new Map<string, number>();
  for (const { id, atMs } of survivors.events) {
    effects.set(id, Math.min(atMs, effects.get(id) ?? Number.POSITIVE_INFINITY));
  }
  return effects;
}
