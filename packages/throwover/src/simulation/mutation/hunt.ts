/**
 * `node --import hook.ts hunt.ts <mutation> <from> <to>`: runs seeds until a checker finds something.
 * Answers with one JSON line: the seed and the rule, or that nothing was found. Without the hook: the
 * same seeds and options on the code as it is.
 */
import { setImmediate } from 'node:timers/promises';
import { runSeed } from '../run-seed.ts';
import { mutations } from './mutations.ts';

const [name, from = '1', to = '10000'] = process.argv.slice(2);
const mutation = mutations.find((one) => one.name === name);
if (mutation === undefined) throw new Error(`no mutation is named ${name}`);

let stray: unknown = null;
process.on('unhandledRejection', (reason) => {
  stray = reason;
});

const found = await hunt(Number(from), Number(to));
process.stdout.write(`${JSON.stringify({ name, ...found })}\n`);

async function hunt(first: number, last: number) {
  for (let seed = first; seed <= last; seed++) {
    const { violations } = await runSeed(seed, mutation?.options ?? {});
    await setImmediate();
    const [first] = violations;
    if (first !== undefined) return { seed, rule: first.rule, text: first.text.split('\n')[0] };
    if (stray !== null) return { seed, rule: 'bug', text: String(stray) };
  }
  return { seed: null, rule: null, text: `nothing from ${first} to ${last}` };
}
