import { z } from 'zod';
import {
  type LoggedRecord,
  loggedRecord,
  maxRecordsACall,
  type RecordKind,
  type RecordLog,
} from '../../records/records.ts';
import { storeErrors } from '../../store/store.ts';
import { callServe } from './serve-call.ts';

/** The records that `throwover serve` at `url` keeps for a service. */
export function httpRecords({ url, service }: { url: string; service: string }): RecordLog {
  const pathOf = (kind: RecordKind) => `/v1/records/${encodeURIComponent(service)}/${kind}`;
  return {
    append: async (kind, by, body) =>
      read(kind, loggedRecord, await callServe(url, pathOf(kind), JSON.stringify({ by, body }))),
    list: async (kind, { sinceSeq = 0 } = {}) => {
      const found: LoggedRecord[] = [];
      for (let since = sinceSeq; ; since = found.at(-1)?.seq ?? since) {
        const query = `?since=${since}&limit=${maxRecordsACall}`;
        const answer = await callServe(url, `${pathOf(kind)}${query}`);
        const page = read(kind, z.array(loggedRecord), answer);
        found.push(...page);
        if (page.length < maxRecordsACall) return found;
      }
    },
  };
}

function read<T>(kind: RecordKind, schema: z.ZodType<T>, answer: unknown): T {
  const records = schema.safeParse(answer);
  if (records.success) return records.data;
  throw storeErrors.make('bad-request', `records of kind ${kind} are of another version`);
}
