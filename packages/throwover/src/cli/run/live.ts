import { createLogUpdate } from 'log-update';
import { maxColumns } from '../../kernel/kernel.ts';
import type { RunEvent } from '../../runbook/runbook.ts';
import type { Output, Terminal } from '../terminal.ts';
import {
  clip,
  emptyView,
  fold,
  nameWidth,
  type RunView,
  render,
  stepLine,
  stepOf,
} from './progress-view.ts';

/** Time between two updates of the durations on a terminal, ms. */
const refreshMs = 200;

/** Shows a run while it is in progress. */
export interface Live {
  onEvent(event: RunEvent): void;
  /** Ends the updates; the last picture stays on the screen. */
  end(): void;
}

/**
 * Shows one line per step on a terminal, updated in place; plain lines elsewhere; with --json each
 * event as a line on stderr.
 */
export function live(terminal: Terminal, output: Output): Live {
  if (output.json) return { onEvent: (event) => output.event(jsonEvent(event)), end: () => {} };
  // Some pseudo-terminals (docker exec -t, CI) have no height: an update in place is not possible
  // there.
  const { isTTY, rows } = terminal.stdout;
  return isTTY && rows !== 0 ? inPlace(terminal) : plainLines(terminal, output);
}

function inPlace(terminal: Terminal): Live {
  const { clock } = terminal;
  const update = createLogUpdate(terminal.stdout, { showCursor: true });
  const ended = new AbortController();
  let view = emptyView;
  const draw = () => update(render(view, clock.wallMs()).join('\n'));
  const tick = async () => {
    for (;;) {
      await clock.sleep(refreshMs, ended.signal);
      draw();
    }
  };
  // `end` aborts it, which is not a failure.
  tick().catch(() => {});
  return {
    onEvent: (event) => {
      view = fold(view, event);
      draw();
    },
    end: () => {
      ended.abort();
      draw();
      update.done();
    },
  };
}

const stepEnds = new Set([
  'step-done',
  'step-failed',
  'step-interrupted',
  'undo-done',
  'undo-failed',
]);

/** Shows a line when something has ended; also for a terminal on which people type meanwhile. */
export function plainLines({ clock }: Pick<Terminal, 'clock'>, output: Output): Live {
  let view = emptyView;
  return {
    onEvent: (event) => {
      const before = view;
      view = fold(view, event);
      for (const line of newLines(before, view, event, clock.wallMs())) output.say(line);
    },
    end: () => {},
  };
}

function newLines(
  before: RunView,
  view: RunView,
  event: RunEvent,
  nowMs: number,
): readonly string[] {
  if (event.type === 'run-started') return [clip(view.headline, maxColumns)];
  if (stepEnds.has(event.type) && 'step' in event) {
    const step = stepOf(view, event.step);
    return step === undefined ? [] : [stepLine(step, nameWidth(view), nowMs)];
  }
  return view.messages.slice(before.messages.length).map((line) => clip(line, maxColumns));
}

function jsonEvent(event: RunEvent): unknown {
  return 'error' in event && event.error !== null
    ? { ...event, error: event.error.toJSON() }
    : event;
}
