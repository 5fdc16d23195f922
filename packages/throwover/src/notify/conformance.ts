import { expect } from 'vitest';
import { type Cannot, contract, type Subject } from '../kernel/contract.fixture.ts';
import type { Notice } from './notice.ts';
import type { Notifier } from './notifier.ts';

/**
 * The behaviour of the far side. hangs: it takes the connection and answers nothing. gone: nothing
 * listens there.
 */
export type FarSide = 'takes' | 'refuses' | 'hangs' | 'gone';

/** Notifiers for `started` and `failed`, whose secret is `a secret of the tests`. */
export interface NotifierUnderTest extends Subject {
  notifier(far: FarSide): Promise<Notifier>;
  /** Everything that far sides have received so far, as text. */
  received(): string;
  /** Resolves when a far side that hangs has a connection. */
  connected(): Promise<void>;
}

const kinds = ['started', 'failed'] as const;

const notice: Notice = {
  kind: 'failed',
  service: 'checkout',
  runId: 'run_1',
  subject: 'Needs you: failover of checkout',
  text: 'It stays open and needs a person.\nRun: run_1.',
  wallMs: 1_767_225_600_000,
};

const never = () => new AbortController().signal;

const checks = {
  'has a name without its secret, and the kinds that it was given': async (
    subject: NotifierUnderTest,
  ) => {
    const notifier = await subject.notifier('takes');
    expect(notifier.name).not.toBe('');
    expect(notifier.name).not.toContain('secret');
    expect(notifier.kinds).toEqual(kinds);
  },

  'a notice has arrived when `send` resolves: subject and text': async (
    subject: NotifierUnderTest,
  ) => {
    const notifier = await subject.notifier('takes');
    await notifier.send(notice, never());
    expect(subject.received()).toContain(notice.subject);
    expect(subject.received()).toContain('It stays open and needs a person.');
    expect(subject.received()).toContain('run_1');
  },

  'each call sends again': async (subject: NotifierUnderTest) => {
    const notifier = await subject.notifier('takes');
    await notifier.send({ ...notice, subject: 'the first' }, never());
    await notifier.send({ ...notice, subject: 'the second' }, never());
    expect(subject.received()).toMatch(/the first[\s\S]*the second/);
  },

  'a far side that refuses the notice, or is gone, makes `send` reject': async (
    subject: NotifierUnderTest,
  ) => {
    for (const far of ['refuses', 'gone'] as const) {
      const notifier = await subject.notifier(far);
      await expect(notifier.send(notice, never())).rejects.toBeInstanceOf(Error);
    }
  },

  '`send` rejects when its signal is aborted while the far side hangs': async (
    subject: NotifierUnderTest,
  ) => {
    const notifier = await subject.notifier('hangs');
    const late = new AbortController();
    const sent = notifier.send(notice, late.signal).then(
      () => 'resolved',
      () => 'rejected',
    );
    await subject.connected();
    late.abort(new Error('not within 10 s'));
    expect(await sent).toBe('rejected');
  },

  'a signal that is aborted already sends nothing': async (subject: NotifierUnderTest) => {
    const notifier = await subject.notifier('takes');
    await expect(notifier.send(notice, AbortSignal.abort())).rejects.toBeDefined();
    expect(subject.received()).not.toContain(notice.subject);
  },
};

/** The contract of a notifier as tests; each implementation's test runs them. */
export function notifierConformance(
  name: string,
  open: () => Promise<NotifierUnderTest>,
  cannot: Cannot<typeof checks> = {},
): void {
  contract({ title: `${name} keeps the contract of a notifier`, open, checks, cannot });
}
