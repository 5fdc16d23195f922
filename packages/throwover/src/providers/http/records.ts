import { z } from 'zod';
import {
  type LoggedRecord,
  loggedRecord,
  maxRecordsACall,
  type RecordKind,
  type RecordLog,
} from '../../records/records.ts';
import { callServe, type ServeAt } from './serve-call.ts';

/** The records that `throwover serve` keeps for a service. */
export function httpRecords(serve: ServeAt): RecordLog {
  const pathOf = (kind: RecordKind) => `/v1/records/${encodeURIComponent(serve.service)}/${kind}`;
  return {
    append: (kind, by, body) => callServe(serve, pathOf(kind), loggedRecord, { by, body }),
    list: async (kind, { sinceSeq = 0 } = {}) => {
      const found: LoggedRecord[] = [];
      for (let since = sinceSeq; ; since = found.at(-1)?.seq ?? since) {
        const path = `${pathOf(kind)}?since=${since}&limit=${maxRecordsACall}`;
        const page = await callServe(serve, path, z.array(loggedRecord));
        found.push(...page);
        if (page.length < maxRecordsACall) return found;
      }
    },
  };
}
