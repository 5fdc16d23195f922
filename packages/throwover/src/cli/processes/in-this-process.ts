import type { Clock } from '../../kernel/kernel.ts';
import {
  type EvidenceLog,
  type LoggedRecord,
  maxRecordsACall,
  maxSamplesACall,
  newRecordOf,
  type RecordKind,
  type RecordLog,
  samplesOf,
} from '../../records/records.ts';
import type { RecordStore, RunningServer } from '../../server/server.ts';
import type { Session } from '../session.ts';

/**
 * Returns the session with the parts that this process holds itself, so that it need not ask over
 * the network.
 */
export function inThisProcess(session: Session, server: RunningServer, clock: Clock): Session {
  const { name } = session.loaded.service;
  const { store, lag, evidence, records } = server;
  const parts = {
    ...session.parts,
    store,
    lag: {
      sightings: async (region: string) => lag.sightings(name, region),
      reports: () => lag.reports(name),
    },
    evidence: {
      add: async (kind, samples) =>
        evidence.add(name, kind, samplesOf(kind, samples), clock.wallMs()),
      list: async (kind, { limit = maxSamplesACall, ...rest } = {}) =>
        evidence.list(name, kind, { ...rest, limit: Math.min(limit, maxSamplesACall) }),
    } satisfies EvidenceLog,
    records: {
      append: async (kind, by, body) =>
        records.append(name, kind, newRecordOf(kind, { by, body }), clock.wallMs()),
      list: async (kind, options) => allRecords(records, name, kind, options),
    } satisfies RecordLog,
  };
  return { ...session, parts };
}

/** Reads page by page, as over the network. */
function allRecords(
  records: RecordStore,
  service: string,
  kind: RecordKind,
  { sinceSeq = 0 }: { readonly sinceSeq?: number } = {},
): readonly LoggedRecord[] {
  const found: LoggedRecord[] = [];
  for (let since = sinceSeq; ; since = found.at(-1)?.seq ?? since) {
    const page = records.list(service, kind, { sinceSeq: since });
    found.push(...page);
    if (page.length < maxRecordsACall) return found;
  }
}
