import type { RunEvent } from '../../runbook/runbook.ts';

/** Tracks the region that a run has begun to fence and has not moved away from. */
export class ClosedWriter {
  #from = '';
  #closed = false;

  get region(): string | null {
    return this.#closed ? this.#from : null;
  }

  note(event: RunEvent): void {
    if (event.type === 'run-started') {
      this.#from = event.run.from;
      this.#closed =
        event.alreadyDone.includes('fence') && !event.alreadyDone.includes('open-epoch');
    } else if ('step' in event && event.step === 'fence') {
      if (event.type === 'step-started') this.#closed = true;
      if (event.type === 'undo-done') this.#closed = false;
    } else if (event.type === 'step-done' && event.step === 'open-epoch') {
      this.#closed = false;
    }
  }
}

export function closedText(region: string, runId: string): string {
  return [
    '',
    `${region.toUpperCase()} MAY BE CLOSED TO WRITES, and no other region takes them yet.`,
    `Next: throwover resume ${runId}`,
    `  or: throwover abort ${runId} --reason TEXT   (opens ${region} again, if it can)`,
    'If neither can be: docs/cli.md, "A region that is closed to writes".',
    '',
  ].join('\n');
}
