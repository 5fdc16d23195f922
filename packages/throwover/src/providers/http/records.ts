import {
  type LoggedRecord,
  maxRecordsACall,
  type RecordLog,
  recordCalls,
} from '../../records/records.ts';
import { callServe, type ServeAt } from './serve-call.ts';

/** The records that `throwover serve` keeps for a service. */
export function httpRecords(serve: ServeAt): RecordLog {
  const { service } = serve;
  return {
    append: (kind, by, body) =>
      callServe(serve, recordCalls.append, { params: { service, kind }, body: { by, body } }),
    list: async (kind, { sinceSeq = 0 } = {}) => {
      const found: LoggedRecord[] = [];
      for (let since = sinceSeq; ; since = found.at(-1)?.seq ?? since) {
        const query = { since, limit: maxRecordsACall };
        const page = await callServe(serve, recordCalls.list, { params: { service, kind }, query });
        found.push(...page);
        if (page.length < maxRecordsACall) return found;
      }
    },
  };
}
