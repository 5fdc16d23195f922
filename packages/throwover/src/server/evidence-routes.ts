import type { Context, Hono } from 'hono';
import { z } from 'zod';
import type { Clock } from '../kernel/kernel.ts';
import { evidenceSamples, isEvidenceKind, maxSamplesACall } from '../records/records.ts';
import { storeErrors } from '../store/store.ts';
import type { EvidenceStore } from './evidence-log.ts';
import { jsonOf, serviceOf, wrong } from './request-parts.ts';

const path = '/v1/evidence/:service/:kind';

const query = z.object({
  since: z.coerce.number().nonnegative().optional(),
  until: z.coerce.number().nonnegative().optional(),
  skip: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().min(1).max(maxSamplesACall).optional(),
});

/**
 * `POST /v1/evidence/:service/:kind` accepts a sample or an array of samples; `GET` returns them,
 * newest first.
 */
export function evidenceRoutes(app: Hono, log: EvidenceStore, clock: Clock): void {
  app.post(path, async (c) => {
    const { service, kind } = subjectOf(c);
    const samples = z
      .array(evidenceSamples[kind])
      .max(maxSamplesACall)
      .safeParse([await jsonOf(c)].flat());
    if (!samples.success) throw wrong(`evidence of kind ${kind}`, samples.error);
    log.add(service, kind, samples.data, clock.wallMs());
    return c.json({ added: samples.data.length });
  });
  app.get(path, (c) => {
    const { service, kind } = subjectOf(c);
    const asked = query.safeParse(c.req.query());
    if (!asked.success) throw wrong(`evidence of kind ${kind}`, asked.error);
    const { since: sinceWallMs, until: untilWallMs, limit, skip } = asked.data;
    return c.json(log.list(service, kind, { sinceWallMs, untilWallMs, limit, skip }));
  });
}

function subjectOf(c: Context<object, typeof path>) {
  const kind = c.req.param('kind');
  if (!isEvidenceKind(kind)) {
    throw storeErrors.make('bad-request', `no evidence of kind "${kind}" is kept`, {
      kinds: Object.keys(evidenceSamples),
    });
  }
  return { service: serviceOf(c.req.param('service')), kind };
}
