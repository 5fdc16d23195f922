import { defineErrors, type ErrorJson } from 'throwover/kernel';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runCommand } from '../command-line.ts';
import { failureOf } from './throwover-cli.ts';

const errors = defineErrors({
  'quota-small': { disposition: 'stop', notLost: 'Nothing was changed.', remedy: 'Ask for more.' },
  'lag-high': { disposition: 'wait', notLost: 'Nothing was lost.', remedy: 'Wait a minute.' },
});
const quota = errors.make('quota-small', 'west can start 1000, 4321 are needed').toJSON();
const lag = errors.make('lag-high', 'west is 9 s behind').toJSON();

const args = ['plan', 'switchover', '--to', 'west'];

afterEach(() => {
  vi.restoreAllMocks();
});

/** Returns what a person sees when `npm start` gets this answer, and its exit code. */
async function shown(answer: unknown) {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  await runCommand(() => Promise.reject(failureOf(args, ended(JSON.stringify(answer)))));
  return { text: write.mock.calls.map(([text]) => text).join(''), exits: exit.mock.calls };
}

function ended(stdout: string) {
  return { exitCode: 3, signal: null, stdout: `a line before\n${stdout}\n`, stderr: '' };
}

function refusedPlan(...refusals: readonly ErrorJson[]) {
  const guards = refusals.map((error) => ({
    name: error.code,
    title: 'a guard',
    refusals: [{ error, override: null }],
  }));
  return { digest: 'a1b2', plan: { version: 1, steps: [{ name: 'fence' }], guards } };
}

const quotaText = `quota-small: west can start 1000, 4321 are needed
Nothing was changed.
Next: Ask for more.
`;

describe('a command of throwover that did not succeed', () => {
  it('a refused plan is shown as its refusal, without the plan and without a stack', async () => {
    expect(await shown(refusedPlan(quota))).toEqual({ text: quotaText, exits: [[1]] });
  });

  it('several refusals are all shown', async () => {
    const { text } = await shown(refusedPlan(quota, lag));
    expect(text).toBe(
      `${quotaText}\nlag-high: west is 9 s behind\nNothing was lost.\nNext: Wait a minute.\n`,
    );
  });

  it('an error, and the error of a run that ended, are shown as they are', async () => {
    expect((await shown({ error: quota })).text).toBe(quotaText);
    vi.restoreAllMocks();
    const run = { runId: 'r1', status: 'undone', closedToWrites: null, error: quota };
    expect((await shown(run)).text).toBe(quotaText);
  });

  it.each(['{"error":{"code":"bug","message":"x is not a function"}}', '', 'no JSON'])(
    'anything else is a bug and keeps all that was printed: %s',
    async (stdout) => {
      const failure = failureOf(args, { ...ended(stdout), exitCode: 1, stderr: 'at x (y.ts:1)' });
      expect(failure.message).toContain('throwover plan switchover --to west: exit code 1');
      expect(failure.message).toContain(stdout);
      expect(failure.message).toContain('at x (y.ts:1)');
      await expect(runCommand(() => Promise.reject(failure))).rejects.toBe(failure);
    },
  );
});
