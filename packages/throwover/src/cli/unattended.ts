import { RunNotices } from '../notify/notify.ts';
import { type ExecuteOptions, executeRun, type RunResult } from '../runbook/runbook.ts';
import type { WhatToDo } from './carry-out.ts';
import type { ForecastBefore } from './forecast.ts';
import { owner, type Session } from './session.ts';

/** Carries a run out, or on, in `throwover serve`, where nobody looks on: people are told by notices. */
export function unattended(
  session: Session,
  what: WhatToDo,
  begun: (runId: string) => void,
  before?: Pick<ForecastBefore, 'note' | 'settled'>,
): Promise<RunResult> {
  const { parts, clock, notifiers } = session;
  const notices = new RunNotices(
    what.steps.filter(({ noReturn }) => noReturn).map(({ name }) => name),
  );
  const result = executeRun({
    ...what,
    store: parts.store,
    clock,
    owner: `serve ${owner()}`,
    onEvent: (event) => {
      if (event.type === 'run-started') begun(event.run.runId);
      before?.note(event);
      const notice = notices.of(event);
      if (notice !== null) notifiers.tell(notice);
    },
  } as ExecuteOptions);
  return result.finally(() => before?.settled());
}
