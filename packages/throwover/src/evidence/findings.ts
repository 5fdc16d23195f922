/** What drills found, as far as a week needs it: open, whose, until when. A fold; pure. */
import { z } from 'zod';
import type { LoggedRecord } from './record-log.ts';

export interface Finding {
  readonly id: string;
  readonly title: string;
  readonly owner: string | null;
  readonly dueWallMs: number | null;
  readonly open: boolean;
}

const findingEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('raised'), finding: z.string(), title: z.string() }),
  z.object({
    event: z.literal('task'),
    finding: z.string(),
    owner: z.string(),
    dueWallMs: z.number(),
  }),
  z.object({ event: z.literal('waived'), finding: z.string() }),
  z.object({ event: z.literal('closed'), finding: z.string() }),
]);

/** In the order in which they were raised. */
export function findingsOf(records: readonly LoggedRecord[]): readonly Finding[] {
  const found = new Map<string, Finding>();
  for (const { body } of records) {
    const read = findingEvent.safeParse(body);
    if (!read.success) continue;
    const id = read.data.finding;
    const before = found.get(id);
    if (read.data.event === 'raised') {
      const { title } = read.data;
      if (before === undefined)
        found.set(id, { id, title, owner: null, dueWallMs: null, open: true });
      continue;
    }
    if (before === undefined) continue;
    if (read.data.event === 'task') {
      const { owner, dueWallMs } = read.data;
      found.set(id, { ...before, owner, dueWallMs });
    } else found.set(id, { ...before, open: false });
  }
  return [...found.values()];
}
