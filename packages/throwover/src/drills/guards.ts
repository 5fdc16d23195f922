/** Guards that keep a drill from beginning. Pure, except for asking the alarms. */

import { isThrowoverError } from '../kernel/kernel.ts';
import { type MetricSources, metricOf } from '../records/records.ts';
import type { DrillPolicy } from '../service/service.ts';
import { localText } from './dates.ts';
import type { DrillFacts, DrillSources } from './facts.ts';
import { type PlannedDrill, windowNow } from './planner.ts';

/**
 * The guards of a drill. Each can be overridden by its name, which raises a finding. A refusal of
 * the run's plan is overridden by the name that the plan asks for.
 */
export const drillGuards = {
  window: 'a production window of the policy is open',
  blocked: 'today is not blocked',
  due: 'a drill is due, or planned for this window',
  calendar: 'every calendar can be read',
  alarms: 'every alarm is quiet, and known to be',
  check: '`throwover check` finds every part well',
  forecast: 'what the forecast stands on is younger than a week',
  driver: 'somebody can drive',
  plan: 'no guard refuses the plan of the way there',
} as const;
export type DrillGuard = keyof typeof drillGuards;

export interface DrillRefusal {
  readonly guard: DrillGuard;
  readonly says: string;
}

/** Returns why the plan and the calendars do not allow a drill to begin now. */
export function planRefusals(
  facts: Pick<DrillFacts, 'plan' | 'policy' | 'unknown'>,
  next: PlannedDrill | null,
): readonly DrillRefusal[] {
  const { plan, policy, unknown } = facts;
  const { zone } = policy;
  const now = windowNow(plan);
  const refusals: DrillRefusal[] = [];
  if (now.window === null) {
    const at = localText(plan.nowWallMs, zone);
    refusals.push(
      now.why.length > 0
        ? { guard: 'blocked', says: `${at} is blocked: ${now.why.join(', ')}` }
        : { guard: 'window', says: `${at} (${zone}) is in no window` },
    );
  }
  if (next === null || next.window === null || next.window.fromWallMs > plan.nowWallMs) {
    const when = next?.window == null ? 'none' : localText(next.window.fromWallMs, zone);
    refusals.push({ guard: 'due', says: `the next drill is planned for: ${when}` });
  }
  if (next !== null && next.driver === null) {
    const why = next.passedOver.map((each) => `${each.who} ${each.why}`).join(', ');
    refusals.push({ guard: 'driver', says: `nobody can drive: ${why || 'the rota is empty'}` });
  }
  for (const error of unknown) {
    refusals.push({ guard: 'calendar', says: `${error.code}: ${error.message}` });
  }
  return refusals;
}

/**
 * Returns the alarms that ring, and those whose state is unknown: an alarm that cannot be read does
 * not count as quiet.
 */
export async function alarmRefusals(
  { alarms }: Pick<DrillPolicy, 'alarms'>,
  sources: { readonly drills: DrillSources; readonly metrics: MetricSources },
  nowWallMs: number,
): Promise<readonly DrillRefusal[]> {
  const found = await Promise.all(
    alarms.map(async (alarm): Promise<string | null> => {
      const { name, above } = alarm;
      try {
        const values =
          alarm.by === 'prometheus'
            ? await sources.drills.series(alarm.prometheus, alarm.query)
            : await newest(alarm.metric, sources.metrics, nowWallMs);
        if (values === null) return `${name} is unknown: no fresh sample`;
        const loud = values.filter((value) => !(value <= above));
        return loud.length === 0 ? null : `${name} rings: ${loud[0]}, above ${above}`;
      } catch (error) {
        if (!isThrowoverError(error)) throw error;
        return `${name} is unknown: ${error.message}`;
      }
    }),
  );
  return found.flatMap((says) => (says === null ? [] : [{ guard: 'alarms' as const, says }]));
}

async function newest(
  name: string,
  sources: MetricSources,
  nowWallMs: number,
): Promise<readonly number[] | null> {
  const metric = metricOf(name);
  if (metric === null) return null;
  const window = { sinceWallMs: nowWallMs - metric.freshMs, untilWallMs: nowWallMs + 1 };
  const samples = await metric.read(sources, window, { newest: true });
  const last = samples.reduce<(typeof samples)[number] | null>(
    (best, sample) => (best === null || sample.atWallMs > best.atWallMs ? sample : best),
    null,
  );
  return last === null ? null : [last.value];
}
