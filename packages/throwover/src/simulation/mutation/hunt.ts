/**
 * `node --import hook.ts hunt.ts <mutation> <seeds>`: runs seeds until a checker finds the mutation.
 * Answers with one JSON line: the seed, the rule and how many seeds it took; or that it was not found.
 */
import { setImmediate } from 'node:timers/promises';
import { runSeed } from '../run-seed.ts';
import { mutations } from './mutations.ts';

const [name, seeds = '10000'] = process.argv.slice(2);
const mutation = mutations.find((one) => one.name === name);
if (mutation === undefined) throw new Error(`no mutation is named ${name}`);

let stray: unknown = null;
process.on('unhandledRejection', (reason) => {
  stray = reason;
});

const found = await hunt(Number(seeds));
process.stdout.write(`${JSON.stringify({ name, ...found })}\n`);

async function hunt(count: number) {
  for (let seed = 1; seed <= count; seed++) {
    const { violations } = await runSeed(seed, mutation?.options ?? {});
    await setImmediate();
    const [first] = violations;
    if (first !== undefined) return { seed, rule: first.rule, text: first.text.split('\n')[0] };
    if (stray !== null) return { seed, rule: 'bug', text: String(stray) };
  }
  return { seed: null, rule: null, text: `not found in ${count} seeds` };
}
