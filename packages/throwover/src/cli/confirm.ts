import { createInterface } from 'node:readline/promises';
import type { Plan } from '../runbook/runbook.ts';
import { cliErrors } from './errors.ts';
import { expectedLoss, planText } from './plan-text.ts';
import type { Output, Terminal } from './terminal.ts';

/**
 * The digest that a person approved: shows the plan and asks to type service and region in full, since
 * a `y` is typed before it is read. Scripts give --yes with the digest instead.
 */
export async function confirmed(
  terminal: Terminal,
  output: Output,
  options: { plan: Plan; digest: string; signal: AbortSignal },
): Promise<string> {
  const { plan, digest, signal } = options;
  const { service, to } = plan;
  if (output.json) {
    throw cliErrors.make('not-confirmed', `with --json give --yes ${digest}`, { digest, plan });
  }
  output.say(planText(plan, digest));
  const wanted = `${service} to ${to}`;
  const question = `Expected loss: ${expectedLoss(plan)}.\nType "${wanted}" to begin: `;
  const typed = await ask(terminal, question, signal);
  if (typed?.trim() === wanted) return digest;
  const what = typed === null ? 'nothing was typed' : `"${typed.trim()}" is not "${wanted}"`;
  throw cliErrors.make('not-confirmed', what, { digest });
}

/** One line, or null when the input ends or is interrupted first. */
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
