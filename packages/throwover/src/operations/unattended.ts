import { RunNotices } from '../notify/notify.ts';
import { type ExecuteOptions, executeRun, type RunResult } from '../runbook/runbook.ts';
import type { WhatToDo } from './carry-on.ts';
import type { ForecastBefore } from './forecast-before.ts';
import type { Operated } from './operated.ts';

/**
 * Carries a run out, or on, in `throwover serve`, without an operator watching; people get notices.
 */
export function unattended(
  service: Operated,
  what: WhatToDo,
  begun: (runId: string) => void,
  before?: Pick<ForecastBefore, 'note' | 'settled'>,
): Promise<RunResult> {
  const { store, clock, notifiers, owner } = service;
  const notices = new RunNotices(
    what.steps.filter(({ noReturn }) => noReturn).map(({ name }) => name),
  );
  const result = executeRun({
    ...what,
    store,
    clock,
    owner: `serve ${owner}`,
    onEvent: (event) => {
      if (event.type === 'run-started') begun(event.run.runId);
      before?.note(event);
      const notice = notices.of(event);
      if (notice !== null) notifiers.tell(notice);
    },
  } as ExecuteOptions);
  return result.finally(() => before?.settled());
}
