import { createLogUpdate } from 'log-update';
import { formatMs } from '../kernel/kernel.ts';
import type { RunEvent } from '../runbook/runbook.ts';
import type { Output, Terminal } from './terminal.ts';

/** Widest line, characters: a terminal at 2 a.m. may be the smallest one. */
const maxColumns = 80;

/** Time between two paintings while a step works, ms. */
const paintMs = 100;

type StepState = 'waiting' | 'working' | 'done' | 'failed' | 'undoing' | 'undone' | 'left';

interface Line {
  readonly name: string;
  state: StepState;
  note: string;
  startedMs: number;
  durationMs: number | null;
}

const marks: Readonly<Record<StepState, string>> = {
  waiting: ' ',
  working: '>',
  done: '+',
  failed: '!',
  undoing: '<',
  undone: '-',
  left: '?',
};

export interface ProgressView {
  onEvent(event: RunEvent): void;
  /** Leaves what was shown on the screen; the same call again changes nothing. */
  end(): void;
}

/** One line a step: on a terminal in place, else a line when it ends; JSON lines on stderr with --json. */
export function progressView(terminal: Terminal, output: Output): ProgressView {
  if (output.json) return { onEvent: (event) => output.event(event), end: () => {} };
  return terminal.stdout.isTTY ? liveView(terminal) : plainView(terminal);
}

function plainView({ stdout, clock }: Terminal): ProgressView {
  const lines = new Lines(() => clock.monotonicMs());
  return {
    onEvent: (event) => {
      lines.note(event);
      const said = lines.saidOf(event);
      if (said !== null) stdout.write(`${said}\n`);
    },
    end: () => {},
  };
}

function liveView({ stdout, clock }: Terminal): ProgressView {
  const lines = new Lines(() => clock.monotonicMs());
  const log = createLogUpdate(stdout);
  const ended = new AbortController();
  const paint = () => log(lines.all().join('\n'));
  void (async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(paintMs, ended.signal).catch(() => {});
      if (!ended.signal.aborted) paint();
    }
  })();
  return {
    onEvent: (event) => {
      lines.note(event);
      paint();
    },
    end: () => {
      if (ended.signal.aborted) return;
      ended.abort();
      paint();
      log.done();
    },
  };
}

/** What is known of each step, as lines of at most 80 columns. */
class Lines {
  readonly #nowMs: () => number;
  readonly #lines = new Map<string, Line>();
  #headline = '';

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  note(event: RunEvent): void {
    switch (event.type) {
      case 'run-started': {
        const { kind, service, from, to, runId } = event.run;
        const verb = event.resumed ? 'resumed' : 'begun';
        this.#headline = `${kind} of ${service}, ${from} to ${to}, ${verb}: ${runId}`;
        for (const { name } of event.steps) {
          const state = event.alreadyDone.includes(name) ? 'done' : 'waiting';
          this.#lines.set(name, { name, state, note: '', startedMs: 0, durationMs: null });
        }
        return;
      }
      case 'run-stopping':
        this.#headline = stopping[event.mode];
        return;
      case 'step-started':
        this.#set(event.step, { state: 'working', note: event.title, startedMs: this.#nowMs() });
        return;
      case 'step-progress':
        this.#set(event.step, { note: event.note });
        return;
      case 'step-done': {
        const note = event.result === 'already-done' ? 'already so' : lastNote(event.evidence);
        this.#set(event.step, { state: 'done', note, durationMs: event.durationMs });
        return;
      }
      case 'step-failed':
        this.#set(event.step, {
          state: 'failed',
          note: `${event.error.code}: ${event.error.message}`,
          durationMs: event.durationMs,
        });
        return;
      case 'step-interrupted':
        this.#set(event.step, { state: 'left', note: 'interrupted' });
        return;
      case 'undo-started':
        this.#set(event.step, { state: 'undoing', note: 'taking it back' });
        return;
      case 'undo-done':
        this.#set(event.step, {
          state: 'undone',
          note: event.result === 'undone' ? 'taken back' : event.note,
        });
        return;
      case 'undo-failed':
        this.#set(event.step, { state: 'failed', note: `not taken back: ${event.error.message}` });
        return;
      case 'step-observed':
      case 'run-ended':
        return;
    }
  }

  all(): readonly string[] {
    return [fit(this.#headline), ...[...this.#lines.values()].map((line) => this.#text(line))];
  }

  /** The line that this event ends, or null when there is nothing to say yet. */
  saidOf(event: RunEvent): string | null {
    if (event.type === 'run-started' || event.type === 'run-stopping') return fit(this.#headline);
    const ends = ['step-done', 'step-failed', 'step-interrupted', 'undo-done', 'undo-failed'];
    if (!ends.includes(event.type) || !('step' in event)) return null;
    const line = this.#lines.get(event.step);
    return line === undefined ? null : this.#text(line);
  }

  #set(name: string, change: Partial<Line>): void {
    const line = this.#lines.get(name);
    if (line !== undefined) Object.assign(line, change);
  }

  #text({ name, state, note, startedMs, durationMs }: Line): string {
    const took = durationMs ?? (state === 'working' ? this.#nowMs() - startedMs : null);
    const time = took === null ? '' : formatMs(took);
    return fit(`${marks[state]} ${name.padEnd(17)} ${time.padStart(7)}  ${note}`);
  }
}

const stopping = {
  undo: 'Stopping: taking back what was done. Ctrl-C again leaves it as it is.',
  finish: 'Past the point of no return: going on to the end. Ctrl-C again leaves it.',
  leave: 'Leaving the run where it is; `throwover resume` carries it on.',
} as const;

function fit(text: string): string {
  const flat = text.replaceAll('\n', ' ').trimEnd();
  return flat.length <= maxColumns ? flat : `${flat.slice(0, maxColumns - 3)}...`;
}

/** The few figures of a step's evidence that a person wants to see go by. */
function lastNote(evidence: Readonly<Record<string, unknown>>): string {
  return Object.entries(evidence)
    .filter(([name]) => !name.endsWith('WallMs') && name !== 'token')
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

function valueText(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toFixed(1);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
