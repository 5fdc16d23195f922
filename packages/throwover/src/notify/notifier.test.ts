import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import type { Notice } from './notice.ts';
import { type Notifier, Notifiers } from './notifier.ts';

const notice = (subject: string): Notice => ({
  kind: 'started',
  service: 'checkout',
  runId: 'run-1',
  subject,
  text: '',
  wallMs: 0,
});

function setup(send: Notifier['send']) {
  const clock = createVirtualClock();
  const failures: string[] = [];
  const all = new Notifiers({
    notifiers: [{ name: 'one', kinds: ['started'], send }],
    clock,
    onFailure: (_name, { subject }, error) => {
      failures.push(`${subject}: ${(error as Error).message}`);
    },
  });
  return { clock, failures, all };
}

describe('telling people', () => {
  it('keeps the order, and leaves out what a notifier does not want', async () => {
    const seen: string[] = [];
    const { clock, all } = setup(async ({ subject }) => {
      seen.push(subject);
    });
    all.tell(notice('first'));
    all.tell({ ...notice('not wanted'), kind: 'done' });
    all.tell(notice('second'));
    await clock.until(all.settled());
    expect(seen).toEqual(['first', 'second']);
  });

  it('gives one up that hangs, and goes on with the next', async () => {
    const seen: string[] = [];
    const { clock, failures, all } = setup(({ subject }) => {
      seen.push(subject);
      return subject === 'hangs' ? new Promise(() => {}) : Promise.resolve();
    });
    all.tell(notice('hangs'));
    all.tell(notice('next'));
    await clock.until(all.settled());
    expect(seen).toEqual(['hangs', 'next']);
    expect(failures).toEqual(['hangs: not within 10 s']);
  });

  it('survives one that throws, also while it makes the promise', async () => {
    const { clock, failures, all } = setup(() => {
      throw new Error('broken');
    });
    all.tell(notice('first'));
    await clock.until(all.settled());
    expect(failures).toEqual(['first: broken']);
  });

  it('holds no more than a hundred for one that does not answer', async () => {
    const { failures, all } = setup(() => new Promise(() => {}));
    for (let i = 0; i < 102; i++) all.tell(notice(String(i)));
    expect(failures).toEqual(['100: 100 notices wait already', '101: 100 notices wait already']);
  });
});
