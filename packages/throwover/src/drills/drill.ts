/** A drill that was begun: its records, and the state that they give. Pure. */

import { z } from 'zod';
import type { LoggedRecord } from '../records/records.ts';
import { drillKindNames } from '../service/service.ts';
import type { HeldDrill } from './planner.ts';

/** Worst figures from its beginning to its end; null: nobody could see the figure. */
export const worstSeen = z.object({
  errorRate: z.number().nullable(),
  p99Ms: z.number().nullable(),
  lagMs: z.number().nullable(),
  lossMs: z.number().nullable(),
  /** Number of looks, and of looks that saw no figure at all. */
  looks: z.number(),
  blind: z.number(),
});
export type WorstSeen = z.infer<typeof worstSeen>;

/** there: to the other region. rejoin: the region that was left comes back as a standby. back: home. */
const legs = ['there', 'rejoin', 'back'] as const;
export type Leg = (typeof legs)[number];

export const drillEvent = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('started'),
    /** The due date that it is held for; null when it is held without one. */
    due: z.string().nullable(),
    kind: z.enum(drillKindNames),
    driver: z.string(),
    shadow: z.string().nullable(),
    from: z.string(),
    to: z.string(),
    /** Guards that were overridden, by name. */
    overrides: z.array(z.string()),
  }),
  /** People were notified of a coming drill; it has not begun. */
  z.object({ event: z.literal('reminded'), due: z.string() }),
  z.object({
    event: z.literal('run'),
    drill: z.string(),
    leg: z.enum(legs),
    runId: z.string(),
  }),
  /**
   * The door of this region drops every request from now on, for at most `maxMs`: users see the
   * region as lost.
   */
  z.object({
    event: z.literal('cut'),
    drill: z.string(),
    region: z.string(),
    maxMs: z.number(),
  }),
  z.object({ event: z.literal('handed-over'), drill: z.string(), to: z.string() }),
  z.object({ event: z.literal('soaking'), drill: z.string(), soakMs: z.number() }),
  z.object({
    event: z.literal('abort-requested'),
    drill: z.string(),
    reason: z.string(),
    /** The cause: a criterion of the policy, a person, or the end of the terminal. */
    source: z.enum(['criterion', 'person', 'terminal']),
  }),
  z.object({
    event: z.literal('ended'),
    drill: z.string(),
    /**
     * whole: there and back. aborted: ended early, and back. not-back: the service is still in the
     * other region. not-begun: nothing was moved.
     */
    outcome: z.enum(['whole', 'aborted', 'not-back', 'not-begun']),
    reason: z.string().nullable(),
    worst: worstSeen.nullable(),
  }),
]);
export type DrillEvent = z.infer<typeof drillEvent>;
export type Outcome = Extract<DrillEvent, { event: 'ended' }>['outcome'];

export interface Drill extends Omit<Extract<DrillEvent, { event: 'started' }>, 'event'> {
  /** `D12`, from the number of its first record. */
  readonly id: string;
  readonly by: string;
  readonly startedWallMs: number;
  readonly runs: readonly { readonly leg: Leg; readonly runId: string }[];
  /** When users were cut off from the region that is being left; null: its traffic was not cut. */
  readonly cutWallMs: number | null;
  readonly handedOver: readonly { readonly from: string; readonly to: string }[];
  readonly soakMs: number | null;
  readonly abort: {
    readonly reason: string;
    readonly source: 'criterion' | 'person' | 'terminal';
    readonly by: string;
    readonly atWallMs: number;
  } | null;
  /** Null: the drill is in progress, or its terminal is gone. */
  readonly ended: {
    readonly outcome: Outcome;
    readonly reason: string | null;
    readonly worst: WorstSeen | null;
    readonly atWallMs: number;
  } | null;
}

/** Returns drills, oldest first. A record that does not fit the current state is ignored. */
export function drillsOf(records: readonly LoggedRecord[]): readonly Drill[] {
  const found = new Map<string, Drill>();
  for (const record of records) {
    const read = drillEvent.safeParse(record.body);
    if (!read.success) continue;
    const event = read.data;
    if (event.event === 'started') {
      const { event: _, ...rest } = event;
      const { seq, by, atWallMs } = record;
      found.set(drillId(seq), {
        ...rest,
        id: drillId(seq),
        by,
        startedWallMs: atWallMs,
        ...{ runs: [], cutWallMs: null, handedOver: [], soakMs: null, abort: null, ended: null },
      });
      continue;
    }
    if (event.event === 'reminded') continue;
    const drill = found.get(event.drill);
    if (drill === undefined || drill.ended !== null) continue;
    found.set(drill.id, follow(drill, event, record));
  }
  return [...found.values()];
}

export const drillId = (seq: number) => `D${seq}`;

function follow(
  drill: Drill,
  event: Exclude<DrillEvent, { event: 'started' | 'reminded' }>,
  { by, atWallMs }: LoggedRecord,
): Drill {
  switch (event.event) {
    case 'run': {
      const { leg, runId } = event;
      return { ...drill, runs: [...drill.runs, { leg, runId }] };
    }
    case 'cut':
      return { ...drill, cutWallMs: drill.cutWallMs ?? atWallMs };
    case 'handed-over': {
      const step = { from: drill.driver, to: event.to };
      const handedOver = [...drill.handedOver, step];
      // The shadow drives now, and the former driver is the shadow.
      const shadow = drill.shadow === event.to ? drill.driver : drill.shadow;
      return { ...drill, driver: event.to, shadow, handedOver };
    }
    case 'soaking':
      return { ...drill, soakMs: event.soakMs };
    case 'abort-requested': {
      const { reason, source } = event;
      return { ...drill, abort: drill.abort ?? { reason, source, by, atWallMs } };
    }
    case 'ended': {
      const { outcome, reason, worst } = event;
      return { ...drill, ended: { outcome, reason, worst, atWallMs } };
    }
  }
}

/** Returns the drill in progress; of two that were begun at the same time, the first. */
export function openDrill(drills: readonly Drill[]): Drill | null {
  return drills.find(({ ended }) => ended === null) ?? null;
}

/**
 * Returns for the planner who drove, and whether the drill was whole. A drill that moved nothing
 * does not count.
 */
export function heldOf(drills: readonly Drill[]): readonly HeldDrill[] {
  return drills.flatMap(({ due, driver, startedWallMs, runs, ended }) =>
    runs.length === 0
      ? []
      : [{ due: due ?? '', driver, atWallMs: startedWallMs, whole: ended?.outcome === 'whole' }],
  );
}
