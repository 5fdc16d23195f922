/**
 * A problem that a drill or a run has shown: raised by people or by the machine, then a task,
 * waived or closed. Pure.
 */

import { z } from 'zod';
import type { LoggedRecord } from '../records/records.ts';

/** The rules by which the machine raises findings. */
export const machineRules = {
  'stuck-step': 'a step stood still or took far longer than it should',
  'guard-overridden': 'a refusal was accepted by name',
  'objective-missed': 'an objective was not met, by figures',
  aborted: 'a drill was ended early',
  'not-back': 'a drill could not take the service back',
  'handed-over': 'the driver handed over or needed an expert',
  'forecast-missed': 'what the doors measured lies outside of what was forecast before the run',
  'runbook-drift': 'a printed runbook was not that of today when a drill began',
} as const;
export type MachineRule = keyof typeof machineRules;

export const findingEvent = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('raised'),
    text: z.string().min(1).max(2_000),
    /** `person`, or the name of the machine's rule. */
    source: z.enum(['person', ...(Object.keys(machineRules) as [MachineRule, ...MachineRule[]])]),
    drill: z.string().nullable(),
    runId: z.string().nullable(),
  }),
  z.object({
    event: z.literal('task'),
    finding: z.string(),
    owner: z.string(),
    dueWallMs: z.number(),
  }),
  z.object({ event: z.literal('waived'), finding: z.string(), reason: z.string().min(1) }),
  z.object({ event: z.literal('closed'), finding: z.string(), note: z.string().min(1) }),
]);
export type FindingEvent = z.infer<typeof findingEvent>;

export interface Finding extends Omit<Extract<FindingEvent, { event: 'raised' }>, 'event'> {
  /** `F7`, from the number of its first record. */
  readonly id: string;
  readonly by: string;
  readonly raisedWallMs: number;
  /** open: nobody has reacted. task: a person owns it. */
  readonly status: 'open' | 'task' | 'waived' | 'closed';
  readonly owner: string | null;
  readonly dueWallMs: number | null;
  /** Why it was waived, or how it was fixed, and by whom. */
  readonly settled: {
    readonly by: string;
    readonly note: string;
    readonly atWallMs: number;
  } | null;
}

/**
 * Returns findings, oldest first. A record that does not fit the current state (two people at the
 * same time) is ignored.
 */
export function findingsOf(records: readonly LoggedRecord[]): readonly Finding[] {
  const found = new Map<string, Finding>();
  for (const { body, seq, by, atWallMs } of records) {
    const read = findingEvent.safeParse(body);
    if (!read.success) continue;
    const event = read.data;
    if (event.event === 'raised') {
      const { event: _, ...rest } = event;
      const id = `F${seq}`;
      const untouched = { status: 'open', owner: null, dueWallMs: null, settled: null } as const;
      found.set(id, { ...rest, id, by, raisedWallMs: atWallMs, ...untouched });
      continue;
    }
    const finding = found.get(event.finding);
    if (finding === undefined || finding.settled !== null) continue;
    found.set(finding.id, follow(finding, event, by, atWallMs));
  }
  return [...found.values()];
}

function follow(
  finding: Finding,
  event: Exclude<FindingEvent, { event: 'raised' }>,
  by: string,
  atWallMs: number,
): Finding {
  if (event.event === 'task') {
    return { ...finding, status: 'task', owner: event.owner, dueWallMs: event.dueWallMs };
  }
  const note = event.event === 'waived' ? event.reason : event.note;
  return { ...finding, status: event.event, settled: { by, note, atWallMs } };
}

export const unsettled = (findings: readonly Finding[]) =>
  findings.filter(({ settled }) => settled === null);
