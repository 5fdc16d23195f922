import type { Clock } from '../kernel/kernel.ts';
import { type LoggedRecord, newRecordOf, type RecordLog } from './record-log.ts';

/** Returns a log in memory. */
export function memoryRecordLog(service: string, clock: Clock): RecordLog {
  const records: LoggedRecord[] = [];
  return {
    append: async (kind, by, given) => {
      const { body: kept } = newRecordOf(kind, structuredClone({ by, body: given }));
      const record: LoggedRecord = {
        seq: records.length + 1,
        atWallMs: clock.wallMs(),
        service,
        kind,
        by,
        body: kept,
      };
      records.push(record);
      return structuredClone(record);
    },
    list: async (kind, { sinceSeq = 0 } = {}) =>
      structuredClone(records.filter((record) => record.kind === kind && record.seq > sinceSeq)),
  };
}
