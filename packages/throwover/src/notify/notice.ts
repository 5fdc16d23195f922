import type { RunEvent, RunIdentity } from '../runbook/runbook.ts';
import type { NoticeKind } from '../service/service.ts';

/**
 * A message to people. `subject` is one line; `text` holds what a tired person needs to continue.
 */
export interface Notice {
  readonly kind: NoticeKind;
  readonly service: string;
  readonly runId: string | null;
  readonly subject: string;
  readonly text: string;
  readonly wallMs: number;
}

/** Turns the events of one run into notices; most events make none. */
export class RunNotices {
  readonly #noReturn: ReadonlySet<string>;
  #run: RunIdentity | null = null;
  #told = new Set<string>();

  /** `noReturn`: names of the steps from which on a run can only go forward. */
  constructor(noReturn: Iterable<string>) {
    this.#noReturn = new Set(noReturn);
  }

  of(event: RunEvent): Notice | null {
    if (event.type === 'run-started') this.#run = event.run;
    const run = this.#run;
    if (run === null) return null;
    const about = `${run.kind} of ${run.service} from ${run.from} to ${run.to}`;
    const make = (kind: NoticeKind, subject: string, text: string): Notice => ({
      kind,
      service: run.service,
      runId: run.runId,
      subject,
      text: `${text}\nRun: ${run.runId}. See it with \`throwover show ${run.runId}\`.`,
      wallMs: event.wallMs,
    });
    switch (event.type) {
      case 'run-started':
        return make(
          'started',
          `${event.resumed ? 'Resumed' : 'Started'}: ${about}`,
          `${about} ${event.resumed ? 'goes on' : 'has begun'}: ${event.steps.length} steps.`,
        );
      case 'step-started':
        if (!this.#noReturn.has(event.step) || !this.#once(`no-return ${event.step}`)) return null;
        return make(
          'no-way-back',
          `No way back: ${about}`,
          `${event.title}. From here on the run only goes forward.`,
        );
      case 'step-stuck':
        if (!this.#once(`stuck ${event.step}`)) return null;
        return make(
          'stuck',
          `Stuck in ${event.step}: ${about}`,
          `${event.step} shows no progress. Look at what it waits for.`,
        );
      case 'run-ended':
        return endOf(event, about, make);
      default:
        return null;
    }
  }

  #once(what: string): boolean {
    if (this.#told.has(what)) return false;
    this.#told.add(what);
    return true;
  }
}

function endOf(
  event: Extract<RunEvent, { type: 'run-ended' }>,
  about: string,
  make: (kind: NoticeKind, subject: string, text: string) => Notice,
): Notice {
  const { status, error } = event;
  const why = error === null ? '' : `\n${error.message}\n${error.notLost}\n${error.remedy}`;
  if (status === 'succeeded') return make('done', `Done: ${about}`, `${about} is complete.`);
  if (status === 'undone') return make('undone', `Undone: ${about}`, `${about} was undone.${why}`);
  return make('failed', `Needs you: ${about}`, `${about} stays open and needs a person.${why}`);
}
