import { createInterface } from 'node:readline/promises';
import type { Plan } from '../../runbook/runbook.ts';
import { cliErrors } from '../errors.ts';
import type { Output, Terminal } from '../terminal.ts';
import { expectedLoss, losesWrites, planText } from './plan-text.ts';

/**
 * Returns the digest that a person approved, and the second person who approved it. Shows the plan and asks the person to type service,
 * region and accepted losses in full, because a `y` is typed without reading. Scripts give --yes
 * with the digest instead.
 */
export async function confirmed(
  terminal: Terminal,
  output: Output,
  options: {
    plan: Plan;
    digest: string;
    overrides: readonly string[];
    /** True when a second person must give a name. */
    twoPeople: boolean;
    signal: AbortSignal;
  },
) {
  const { plan, digest, twoPeople, signal } = options;
  if (output.json) {
    throw cliErrors.make('not-confirmed', `with --json give --yes ${digest}`, { digest, plan });
  }
  output.say(planText(plan, digest));
  const wanted = wantedText(plan, options.overrides);
  const loss = `Expected loss: ${expectedLoss(plan)}.`;
  const typed = await ask(terminal, `${loss}\nType "${wanted}" to begin: `, signal);
  if (typed?.trim() !== wanted) {
    const what = typed === null ? 'nothing was typed' : `"${typed.trim()}" is not "${wanted}"`;
    throw cliErrors.make('not-confirmed', what, { digest });
  }
  if (!twoPeople) return { digest, second: null };
  const second = await ask(terminal, 'Name of the second person who has read this plan: ', signal);
  return { digest, second };
}

/**
 * Returns the text to be typed. It names everything that is accepted, including a loss and a second
 * writer.
 */
export function wantedText(plan: Plan, overrides: readonly string[]): string {
  const { service, to } = plan;
  return [
    `${service} to ${to}`,
    ...(losesWrites(plan) ? ['losing writes'] : []),
    ...(overrides.includes('two-writers') ? ['two writers'] : []),
  ].join(', ');
}

/** Returns one line, or null when the input ends or is interrupted first. */
async function ask(
  terminal: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<string | null> {
  const lines = createInterface({ input: terminal.stdin, output: terminal.stdout });
  const ended = new AbortController();
  lines.once('close', () => ended.abort());
  try {
    return await lines.question(question, { signal: AbortSignal.any([signal, ended.signal]) });
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return null;
    throw error;
  } finally {
    lines.close();
  }
}
