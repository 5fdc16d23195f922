import type { RunState } from 'throwover';

/**
 * Where a controller is killed: after record `seq` is in the journal, or when it is about to be
 * appended.
 */
export interface KillPoint {
  readonly when: 'before' | 'after';
  readonly seq: number;
  readonly what: string;
}

/**
 * Returns a point after each record, and one before the record of each act that had an effect: then
 * the world has changed but the journal does not say so.
 */
export function killPointsOf({ records }: Pick<RunState, 'records'>): readonly KillPoint[] {
  return records.flatMap((record): KillPoint[] => {
    const { seq, type } = record;
    const what = 'step' in record ? `${type} of ${record.step}` : type;
    const after: KillPoint = { when: 'after', seq, what };
    const hasEffect = record.type === 'outcome' && record.result === 'acted';
    return hasEffect ? [{ when: 'before', seq, what }, after] : [after];
  });
}
