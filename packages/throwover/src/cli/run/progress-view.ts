import { assertNever, formatMs, maxColumns, type ThrowoverError } from '../../kernel/kernel.ts';
import type { RunEvent } from '../../runbook/runbook.ts';
import { printable } from '../text/printable.ts';

/** A run as it is shown: pure, built from its events. */
export interface RunView {
  readonly headline: string;
  readonly steps: readonly StepView[];
  /** Messages below the steps, each shown once: stopping, the end. */
  readonly messages: readonly string[];
}

type StepState =
  | 'waiting'
  | 'working'
  | 'done'
  | 'held'
  | 'failed'
  | 'stopped'
  | 'undoing'
  | 'undone'
  | 'left'
  | 'undo failed';

export interface StepView {
  readonly name: string;
  readonly state: StepState;
  /** `wallMs` of its first event; null before that. */
  readonly startedMs: number | null;
  /** Null while the step is in progress. */
  readonly durationMs: number | null;
  readonly note: string;
}

export const emptyView: RunView = { headline: '', steps: [], messages: [] };

const marks: Readonly<Record<StepState, string>> = {
  waiting: '·',
  working: '>',
  done: '✓',
  held: '✓',
  failed: '✗',
  stopped: '■',
  undoing: '<',
  undone: '↩',
  left: '!',
  'undo failed': '✗',
};

/** The view after an event. `held`: the desired state held already, so nothing was done. */
export function fold(view: RunView, event: RunEvent): RunView {
  switch (event.type) {
    case 'run-started': {
      const { runId, service, kind, from, to, epoch } = event.run;
      const epochs = kind === 'rejoin' ? `epoch ${epoch}` : `epoch ${epoch} to ${epoch + 1}`;
      const how = event.resumed ? 'resumed' : epochs;
      return {
        headline: `${kind} of ${service}, ${from} to ${to}, ${how}: ${runId}`,
        steps: event.steps.map(({ name }) => ({
          name,
          state: event.alreadyDone.includes(name) ? 'done' : 'waiting',
          startedMs: null,
          durationMs: null,
          note: event.alreadyDone.includes(name) ? 'done by an earlier controller' : '',
        })),
        messages: [],
      };
    }
    case 'run-stopping':
      return say(view, stoppingText(event));
    case 'run-claimed': {
      const silent = Object.entries(event.evidence).flatMap(([part, said]) =>
        said === 'no answer' ? [part] : [],
      );
      return silent.length === 0
        ? view
        : say(view, `Taken over without an answer from: ${silent.join(', ')}.`);
    }
    case 'abort-requested':
      return say(view, `Abort asked for by ${event.by}: ${event.reason}`);
    case 'replanned':
      return say(view, `From here on a ${event.kind}, approved by ${event.by}.`);
    case 'past-no-return':
      return say(view, `No way back from here: ${event.step}.`);
    case 'step-slow':
      return change(view, event.step, { note: 'slower than usual' });
    case 'step-stuck':
      return change(view, event.step, { note: `STUCK: ${stuck[event.why]}` });
    case 'step-started':
      return change(view, event.step, { state: 'working', startedMs: event.wallMs });
    case 'step-observed':
      return event.state === 'unknown'
        ? change(view, event.step, { note: `not seen: ${text(event.evidence['message'])}` })
        : view;
    case 'step-progress':
      return change(view, event.step, { note: event.note });
    case 'step-done': {
      const state = event.result === 'acted' ? 'done' : 'held';
      const held = event.result === 'acted' ? {} : { note: 'held already' };
      return change(view, event.step, { state, durationMs: event.durationMs, ...held });
    }
    case 'step-failed':
      return change(view, event.step, {
        state: 'failed',
        durationMs: event.durationMs,
        note: brief(event.error),
      });
    case 'step-interrupted':
      return change(view, event.step, { state: 'stopped', note: 'interrupted' });
    case 'undo-started':
      return change(view, event.step, {
        state: 'undoing',
        startedMs: event.wallMs,
        durationMs: null,
        note: '',
      });
    case 'undo-done': {
      const startedMs = stepOf(view, event.step)?.startedMs ?? event.wallMs;
      const durationMs = event.wallMs - startedMs;
      const state = event.result === 'left' ? 'left' : 'undone';
      return change(view, event.step, { state, durationMs, note: event.note });
    }
    case 'undo-failed':
      return change(view, event.step, { state: 'undo failed', note: brief(event.error) });
    case 'run-ended':
      return say(view, ending(view, event));
    default:
      return assertNever(event);
  }
}

const stopping = {
  undo: 'Stopping: what was changed is taken back. Ctrl-C again leaves the run open.',
  finish: 'Past the point of no return: it goes on to its end. Ctrl-C again leaves it.',
  leave: 'Leaving the run open: `throwover resume` carries it on.',
} as const;

function stoppingText(event: Extract<RunEvent, { type: 'run-stopping' }>): string {
  const { halted, mode } = event;
  if (halted === undefined) return stopping[mode];
  return `HALTED by ${halted.by}: ${halted.reason}. ${mode === 'undo' ? 'What was changed is taken back.' : 'Past the point of no return: it goes on to its end.'}`;
}

function say(view: RunView, message: string): RunView {
  return { ...view, messages: [...view.messages, message] };
}

const stuck = {
  late: 'it takes far longer than it should',
  'no-progress': 'nothing that it waits for changes',
} as const;

function ending(view: RunView, event: Extract<RunEvent, { type: 'run-ended' }>): string {
  const left = view.steps.filter(({ state }) => state === 'left').map(({ name }) => name);
  if (event.status === 'undone' && left.length > 0) {
    return `Ended. NOT TAKEN BACK: ${left.join(', ')}. See \`throwover check\`.`;
  }
  const words = {
    succeeded: 'Succeeded',
    undone: 'Undone: the active region is the same as before',
    open: 'Open: `throwover resume` carries it on',
  };
  return `${words[event.status]}, after ${formatMs(event.durationMs)}.`;
}

/** Returns the whole view as lines of at most 80 columns. */
export function render(view: RunView, nowMs: number): readonly string[] {
  const width = nameWidth(view);
  return [
    clip(view.headline, maxColumns),
    ...view.steps.map((step) => stepLine(step, width, nowMs)),
    ...view.messages.map((message) => clip(message, maxColumns)),
  ];
}

/** Returns one step as a line: mark, name, state, duration, note. */
export function stepLine(step: StepView, width: number, nowMs: number): string {
  const duration =
    step.durationMs ??
    (step.state === 'working' || step.state === 'undoing'
      ? nowMs - (step.startedMs ?? nowMs)
      : null);
  const took = duration === null ? '' : formatMs(Math.max(0, duration));
  const head = `${marks[step.state]} ${clip(step.name, width).padEnd(width)} ${step.state.padEnd(8)} ${took.padStart(7)}`;
  return clip(`${head}  ${step.note}`.trimEnd(), maxColumns);
}

/** Returns a width for the longest name, but at most 26, to leave room for notes. */
export function nameWidth(view: RunView): number {
  return Math.min(26, Math.max(0, ...view.steps.map(({ name }) => name.length)));
}

export function stepOf(view: RunView, name: string): StepView | undefined {
  return view.steps.find((step) => step.name === name);
}

function change(view: RunView, name: string, to: Partial<StepView>): RunView {
  return {
    ...view,
    steps: view.steps.map((step) => (step.name === name ? { ...step, ...to } : step)),
  };
}

function brief(error: ThrowoverError): string {
  return `${error.code}: ${error.message}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/**
 * Shortens a line to `columns` letters. Removes colours, control characters and line breaks, which
 * could move the cursor.
 */
export function clip(line: string, columns: number): string {
  const clean = printable(line).replace(/[\ufffd\n\t]+/g, ' ');
  const letters = [...clean];
  return letters.length <= columns ? clean : `${letters.slice(0, columns - 1).join('')}…`;
}
