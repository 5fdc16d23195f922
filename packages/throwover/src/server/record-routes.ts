import type { Context, Hono } from 'hono';
import { z } from 'zod';
import type { Clock } from '../kernel/kernel.ts';
import { maxRecordsACall, newRecord, recordKinds } from '../records/records.ts';
import type { RecordStore } from './record-log.ts';
import { jsonOf, serviceOf, wrong } from './request-parts.ts';

const path = '/v1/records/:service/:kind';

const kindName = z.enum(recordKinds);
const query = z.object({
  since: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().min(1).max(maxRecordsACall).optional(),
});

/**
 * `POST /v1/records/:service/:kind` appends one record; `GET` returns those after `since`, oldest
 * first.
 */
export function recordRoutes(app: Hono, log: RecordStore, clock: Clock): void {
  app.post(path, async (c) => {
    const { service, kind } = subjectOf(c);
    const given = newRecord.safeParse(await jsonOf(c));
    if (!given.success) throw wrong(`record of kind ${kind}`, given.error);
    return c.json(log.append(service, kind, given.data, clock.wallMs()));
  });
  app.get(path, (c) => {
    const { service, kind } = subjectOf(c);
    const asked = query.safeParse(c.req.query());
    if (!asked.success) throw wrong(`records of kind ${kind}`, asked.error);
    const { since: sinceSeq, limit } = asked.data;
    return c.json(log.list(service, kind, { sinceSeq, limit }));
  });
}

function subjectOf(c: Context<object, typeof path>) {
  const kind = kindName.safeParse(c.req.param('kind'));
  if (!kind.success) throw wrong(`records of kind "${c.req.param('kind')}"`, kind.error);
  return { service: serviceOf(c.req.param('service')), kind: kind.data };
}
