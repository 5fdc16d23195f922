import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { evidenceSamples, isEvidenceKind, maxSamplesACall } from '../evidence/samples.ts';
import type { Clock } from '../kernel/kernel.ts';
import { storeErrors } from '../store/errors.ts';
import type { EvidenceStore } from './evidence-log.ts';

const path = '/v1/evidence/:service/:kind';

/** Longest name of a service in a path; throwover.yaml allows less. */
const serviceName = z.string().min(1).max(200);

const query = z.object({
  since: z.coerce.number().nonnegative().optional(),
  limit: z.coerce.number().int().min(1).max(maxSamplesACall).optional(),
});

/** `POST /v1/evidence/:service/:kind` takes a sample or an array of them; `GET` gives them, newest first. */
export function evidenceRoutes(app: Hono, log: EvidenceStore, clock: Clock): void {
  app.post(path, async (c) => {
    const { service, kind } = subjectOf(c);
    const samples = z
      .array(evidenceSamples[kind])
      .max(maxSamplesACall)
      .safeParse([await jsonOf(c)].flat());
    if (!samples.success) throw wrong(kind, samples.error);
    log.add(service, kind, samples.data, clock.wallMs());
    return c.json({ added: samples.data.length });
  });
  app.get(path, (c) => {
    const { service, kind } = subjectOf(c);
    const asked = query.safeParse(c.req.query());
    if (!asked.success) throw wrong(kind, asked.error);
    const { since: sinceWallMs, limit } = asked.data;
    return c.json(log.list(service, kind, { sinceWallMs, limit }));
  });
}

function subjectOf(c: Context<object, typeof path>) {
  const kind = c.req.param('kind');
  const service = serviceName.safeParse(c.req.param('service'));
  if (!service.success) throw storeErrors.make('bad-request', 'no service is named so');
  if (!isEvidenceKind(kind)) {
    throw storeErrors.make('bad-request', `no evidence of kind "${kind}" is kept`, {
      kinds: Object.keys(evidenceSamples),
    });
  }
  return { service: service.data, kind };
}

/** JSON is demanded by name, so that no web page can post it unasked. */
async function jsonOf(c: Context): Promise<unknown> {
  if (!c.req.header('content-type')?.startsWith('application/json')) {
    throw storeErrors.make('bad-request', 'the body must be application/json');
  }
  try {
    return JSON.parse(await c.req.text());
  } catch (error) {
    throw storeErrors.make('bad-request', 'the body is no JSON', {}, error);
  }
}

function wrong(kind: string, error: z.ZodError) {
  const issues = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return storeErrors.make('bad-request', `evidence of kind ${kind}: ${issues[0]}`, { issues });
}
