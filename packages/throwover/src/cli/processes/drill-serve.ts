import {
  type DrillEvent,
  type DrillFacts,
  drillEvent,
  drillFacts,
  missedForecasts,
  type PlannedDrill,
  planDrills,
  plannedLines,
} from '../../drills/drills.ts';
import { errorLine, every } from '../../kernel/kernel.ts';
import { maxSamplesACall } from '../../records/records.ts';
import type { Session } from '../session.ts';

/** The author of the records. */
const machine = 'throwover';

/** A line in the log of `throwover serve`. */
export type DrillServeEvent =
  | { readonly event: 'drill-reminded'; readonly service: string; readonly due: string }
  | { readonly event: 'forecast-missed'; readonly service: string; readonly runId: string | null }
  | { readonly event: 'drills-failed'; readonly service: string; readonly error: string };

/**
 * The drill work of `throwover serve`. It notifies people of each drill once, from its reminder
 * date on, and it raises a finding for a missed forecast once the doors have measured how traffic
 * moved. Ends when the signal is aborted.
 */
export async function keepDrills(options: {
  session: Session;
  /** Time between two looks, ms. */
  pauseMs: number;
  signal: AbortSignal;
  log: (event: DrillServeEvent) => void;
}): Promise<void> {
  const { session, pauseMs, signal, log } = options;
  const { clock, loaded } = session;
  const { name, drills } = loaded.service;
  if (drills === undefined) return;
  const failed = (error: unknown) =>
    log({ event: 'drills-failed', service: name, error: errorLine(error) });
  await every({ clock, pauseMs, signal, failed }, () => lookAfterDrills(session, log));
}

async function lookAfterDrills(session: Session, log: (event: DrillServeEvent) => void) {
  const { loaded, parts, clock } = session;
  const facts = await drillFacts(loaded.service, parts, clock);
  if (facts === null) return;
  const { name: service } = loaded.service;
  const due = await remind(session, facts);
  if (due !== null) log({ event: 'drill-reminded', service, due });
  const scores = await parts.evidence.list('forecast-score', { limit: maxSamplesACall });
  for (const finding of missedForecasts(facts.drills, scores, facts.findings)) {
    await parts.records.append('finding', machine, finding);
    log({ event: 'forecast-missed', service, runId: finding.runId });
  }
}

/**
 * Returns the due date of the drill that people were notified of; null when there was nothing to
 * send.
 */
async function remind(session: Session, facts: DrillFacts): Promise<string | null> {
  const { parts, notifiers, loaded } = session;
  const { policy, plan } = facts;
  const [next] = planDrills(plan, 1).next;
  if (next?.window == null || plan.nowWallMs < next.window.fromWallMs - policy.remindMs)
    return null;
  const { due } = next;
  if ((await remindedOf(session)).has(due)) return null;
  // Recorded before it is sent: nobody is notified twice, and the week and the calendar show the
  // drill too.
  const event: DrillEvent = { event: 'reminded', due };
  await parts.records.append('drill', machine, event);
  notifiers.tell(noticeOf(next, facts, loaded.service.name));
  return due;
}

async function remindedOf({ parts }: Session): Promise<ReadonlySet<string>> {
  const events = (await parts.records.list('drill')).map(({ body }) => drillEvent.safeParse(body));
  return new Set(events.flatMap(({ data }) => (data?.event === 'reminded' ? [data.due] : [])));
}

function noticeOf(drill: PlannedDrill, { policy, plan, unknown }: DrillFacts, service: string) {
  const lines = plannedLines(drill, policy.zone).map((line) => line.trim());
  return {
    kind: 'drill',
    service,
    runId: null,
    subject: `A drill of ${service} comes: ${drill.driver ?? 'nobody'} drives`,
    text: [
      ...lines,
      ...unknown.map(({ code, message }) => `UNKNOWN: ${code}: ${message}`),
      'See it with `throwover drill next`; drive it with `throwover drill start`.',
    ].join('\n'),
    wallMs: plan.nowWallMs,
  } as const;
}
