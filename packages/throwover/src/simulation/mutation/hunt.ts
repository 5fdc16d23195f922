/**
 * `node --import hook.ts hunt.ts <mutation> <from> <to> <limit, ms>`: runs seeds until a checker
 * finds something, or the time is over. Prints one line of JSON. Without the hook it runs the same
 * seeds and options on the unchanged code.
 */
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../kernel/kernel.ts';
import { runSeed } from '../run-seed.ts';
import { mutations } from './mutations.ts';

const [name, from = '1', to = '10000', limitMs = 'Infinity'] = process.argv.slice(2);
const mutation = mutations.find((one) => one.name === name);
if (mutation === undefined) throw new Error(`no mutation is named ${name}`);
const { options = {} } = mutation;

let stray: unknown = null;
process.on('unhandledRejection', (reason) => {
  stray = reason;
});

process.stdout.write(`${JSON.stringify(await hunt(Number(from), Number(to)))}\n`);

async function hunt(first: number, last: number) {
  const endMs = systemClock.monotonicMs() + Number(limitMs);
  let seed = first;
  for (; seed <= last && systemClock.monotonicMs() < endMs; seed++) {
    const { violations } = await runSeed(seed, options);
    await setImmediate();
    const rules = [...new Set(violations.map(({ rule }) => rule))];
    if (stray !== null) rules.push('bug');
    const text = violations[0]?.text.split('\n')[0] ?? String(stray);
    // A patch that names an identifier which no longer exists breaks the code and proves nothing
    // about the checkers.
    if (text.includes('ReferenceError')) throw new Error(`the patch does not fit: ${text}`);
    if (rules.length > 0) return { seed, rules, text, upTo: seed };
  }
  return { seed: null, rules: [], text: 'nothing', upTo: seed - 1 };
}
