import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { RunEvent, RunEventBody } from '../../runbook/engine/events.ts';
import { serviceErrors } from '../../service/service.ts';
import { clip, emptyView, fold, render } from './progress-view.ts';

const run = {
  runId: 'run_06f3k2v8q0-7hx2kd9m',
  service: 'checkout',
  kind: 'switchover',
  from: 'east',
  to: 'west',
  epoch: 7,
  token: 1,
};
const names = ['warm', 'wait-for-lag', 'fence', 'promote', 'flip'];
const started = (alreadyDone: readonly string[] = []) => ({
  type: 'run-started' as const,
  run,
  resumed: alreadyDone.length > 0,
  steps: names.map((name) => ({ name, title: `Title of ${name}` })),
  alreadyDone,
});
const begin = (step: string): RunEventBody => ({
  type: 'step-started',
  step,
  title: step,
  waits: 'machine',
  number: 1,
  of: names.length,
});
const done = (
  step: string,
  result: 'acted' | 'already-done',
  durationMs: number,
): RunEventBody => ({
  type: 'step-done',
  step,
  result,
  evidence: {},
  durationMs,
  kind: 'machine',
});
const failure = serviceErrors.make('own-step-failed', `${'very '.repeat(40)}wrong\nand more`);

/** Returns the view after these events, one a second, drawn one second later. */
function shown(...events: readonly RunEventBody[]): readonly string[] {
  const view = events.reduce(
    (before, event, index) => fold(before, { wallMs: index * 1_000, ...event } as RunEvent),
    emptyView,
  );
  return render(view, events.length * 1_000);
}

it('shows one line a step: mark, name, state, duration, last note', () => {
  expect(
    shown(
      started(),
      begin('warm'),
      done('warm', 'already-done', 12),
      begin('wait-for-lag'),
      { type: 'step-progress', step: 'wait-for-lag', note: 'standby 5100 ms behind' },
      { type: 'step-progress', step: 'wait-for-lag', note: 'standby 310 ms behind' },
    ),
  ).toMatchInlineSnapshot(`
    [
      "switchover of checkout, east to west, epoch 7 to 8: run_06f3k2v8q0-7hx2kd9m",
      "✓ warm         held       12 ms  held already",
      "> wait-for-lag working      3 s  standby 310 ms behind",
      "· fence        waiting",
      "· promote      waiting",
      "· flip         waiting",
    ]
  `);
});

it('shows what was undone, and why', () => {
  expect(
    shown(
      started(),
      begin('warm'),
      done('warm', 'acted', 3_140),
      begin('wait-for-lag'),
      { type: 'step-failed', step: 'wait-for-lag', error: failure, durationMs: 120_000 },
      { type: 'undo-started', step: 'warm', title: 'warm' },
      { type: 'undo-done', step: 'warm', result: 'undone', note: 'released' },
      { type: 'run-ended', status: 'undone', error: failure, durationMs: 124_000 },
    ),
  ).toMatchInlineSnapshot(`
    [
      "switchover of checkout, east to west, epoch 7 to 8: run_06f3k2v8q0-7hx2kd9m",
      "↩ warm         undone       1 s  released",
      "✗ wait-for-lag failed     2 min  own-step-failed: very very very very very very…",
      "· fence        waiting",
      "· promote      waiting",
      "· flip         waiting",
      "Undone: the active region is the same as before, after 2.1 min.",
    ]
  `);
});

it('shows what an earlier controller had done', () => {
  expect(
    shown(started(['warm', 'wait-for-lag', 'fence']), begin('promote')),
  ).toMatchInlineSnapshot(`
    [
      "switchover of checkout, east to west, resumed: run_06f3k2v8q0-7hx2kd9m",
      "✓ warm         done              done by an earlier controller",
      "✓ wait-for-lag done              done by an earlier controller",
      "✓ fence        done              done by an earlier controller",
      "> promote      working      1 s",
      "· flip         waiting",
    ]
  `);
});

describe('80 columns', () => {
  const long = 'a-step-whose-name-is-longer-than-any-of-ours';
  const note = '\u001b[31mred\u001b[0m 語 '.repeat(30);

  it.each<{ name: string; events: readonly RunEventBody[] }>([
    { name: 'a long note', events: [{ type: 'step-progress', step: long, note }] },
    {
      name: 'a long failure',
      events: [{ type: 'step-failed', step: long, error: failure, durationMs: 9e9 }],
    },
    { name: 'a failed undo', events: [{ type: 'undo-failed', step: long, error: failure }] },
    ...(['undo', 'finish', 'leave'] as const).map((mode) => ({
      name: `stopping: ${mode}`,
      events: [{ type: 'run-stopping', mode } as const],
    })),
    ...(['succeeded', 'undone', 'open'] as const).map((status) => ({
      name: `ended: ${status}`,
      events: [{ type: 'run-ended', status, error: null, durationMs: 9e9 } as const],
    })),
  ])('hold for $name', ({ events }) => {
    const lines = shown(
      {
        ...started(),
        run: { ...run, service: 'x'.repeat(63) },
        steps: [{ name: long, title: '' }],
      },
      begin(long),
      ...events,
    );
    expect(lines.filter((line) => [...line].length > 80)).toEqual([]);
    expect(stripVTControlCharacters(lines.join(''))).toBe(lines.join(''));
  });

  it('cut no letter in half, and colours out', () => {
    expect(clip('\u001b[31mred\u001b[0m\r\nnext', 80)).toBe('red next');
    expect(clip('👍'.repeat(60), 80)).not.toContain('\ufffd');
    expect(clip('short', 80)).toBe('short');
  });
});
