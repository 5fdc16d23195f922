import { Option } from 'commander';
import { isoTime } from '../../kernel/kernel.ts';
import { answer } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { owner } from '../session.ts';

/**
 * The kill switch for every service of this store: no run begins. An open run is undone before its
 * promotion, and goes to its end after it, also if a person resumes it. Without an option it shows
 * the state.
 */
export const halt = answer({
  name: 'halt',
  says: 'Show, set or clear the kill switch for every service of the store: no run begins; an open run is undone before its promotion, and goes to its end after it, by its own process or when a person resumes it',
  takes: () => [
    new Option('--reason <text>', 'Set the kill switch, for this reason'),
    new Option('--off', 'Clear the kill switch'),
  ],
  look: async ({ parts: { store }, clock }, given: { reason?: string; off?: boolean }) => {
    const { reason, off = false } = given;
    if (off && reason !== undefined) {
      throw cliErrors.make('usage-wrong', 'give --reason TEXT or --off, not both');
    }
    if (off) await store.setHalt(null);
    else if (reason !== undefined) {
      await store.setHalt({ by: owner(), reason, wallMs: clock.wallMs() });
    }
    return { halt: await store.halt() };
  },
  text: ({ halt: thrown }) =>
    thrown === null
      ? 'Not halted: runs begin and go on.'
      : `HALTED since ${isoTime(thrown.wallMs)} by ${thrown.by}: ${thrown.reason}\nRuns stop at their next safe point. Back: throwover halt --off`,
});
