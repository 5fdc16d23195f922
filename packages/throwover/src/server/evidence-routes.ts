import type { Clock } from '../kernel/kernel.ts';
import { type EvidenceKind, evidenceCallsOf, evidenceKinds } from '../records/records.ts';
import type { Routes } from '../wire/routes.ts';
import type { EvidenceStore } from './evidence-log.ts';

/** The two calls of each kind of sample. */
export function evidenceRoutes(routes: Routes, log: EvidenceStore, clock: Clock): void {
  for (const kind of evidenceKinds) {
    routes.add(evidenceCallsOf<EvidenceKind>(kind), {
      add: ({ params: { service }, body }) => {
        log.add(service, kind, body, clock.wallMs());
        return { added: body.length };
      },
      list: ({ params: { service }, query }) => {
        const { since: sinceWallMs, until: untilWallMs, limit, skip } = query;
        return log.list<EvidenceKind>(service, kind, { sinceWallMs, untilWallMs, limit, skip });
      },
    });
  }
}
