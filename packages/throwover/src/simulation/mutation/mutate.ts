/**
 * `npm run mutate -- [--seeds N] [--minutes M] [--only NAME,NAME] [--workers N] [--out FILE]
 * [--json]`: hunts each deliberate bug in a separate process, for at most `--minutes`, and reports
 * the seed that caught it. It tries the seed of docs/results/mutations.md and the regressions first,
 * and seeds from 1 on only when none of these catches it. `--out` writes the tables of that file. Exit code 1
 * when one was not caught.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs, promisify } from 'node:util';
import { systemClock } from '../../kernel/kernel.ts';
import { regressions } from '../regressions.ts';
import type { Mutation } from './mutation.ts';
import { mutations } from './mutations.ts';
import { type Hunted, resultsText, seedsIn } from './results.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    minutes: { type: 'string', default: '60' },
    only: { type: 'string' },
    workers: { type: 'string', default: '2' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const last = Number(values.seeds);
const limitMs = Number(values.minutes) * 60_000;
const only = values.only?.split(',');
const chosen = mutations.filter(({ name }) => only?.includes(name) ?? true);
const waiting = [...chosen];
const results = new URL('../../../../../docs/results/mutations.md', import.meta.url);
const caughtBefore = seedsIn(await readFile(results, 'utf8'));
const hunted: Hunted[] = [];
await Promise.all(Array.from({ length: Number(values.workers) }, lane));
hunted.sort((a, b) => chosen.indexOf(a.mutation) - chosen.indexOf(b.mutation));
const missed = hunted.filter(({ seed }) => seed === null);
say(`${hunted.length - missed.length} of ${chosen.length} mutations caught`);
if (values.out !== undefined) await writeFile(values.out, resultsText(hunted, last));
if (values.json) {
  const caught = hunted.map(({ mutation: { name }, seed, rules, tried }) => {
    return { name, seed, rules, tried };
  });
  const summary = { mutations: chosen.length, missed: missed.length, caught };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}
process.exitCode = missed.length === 0 ? 0 : 1;

async function lane(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const result = await hunt(next);
    hunted.push(result);
    const { seed, rules, tried } = result;
    const where = seed === null ? `NOT CAUGHT in ${tried} seeds` : `seed ${seed}, ${rules[0]}`;
    say(`${next.name.padEnd(34)} ${where}`);
    say(`  ${next.what}`);
  }
}

/** Tries the seed that caught it last time, then the regressions of the same kind, then all. */
async function hunt(mutation: Mutation): Promise<Hunted> {
  const endMs = systemClock.monotonicMs() + limitMs;
  const { name, options = {} } = mutation;
  const before = caughtBefore.get(name);
  const alike = regressions.filter((one) => isDeepStrictEqual(one.options, options));
  const likely = [...(before === undefined ? [] : [before]), ...alike.map(({ seed }) => seed)];
  for (const [index, seed] of likely.entries()) {
    const again = await huntIn(mutation, { from: seed, to: seed }, endMs);
    if (again.seed !== null) return { ...again, tried: index + 1 };
  }
  const found = await huntIn(mutation, { from: 1, to: last }, endMs);
  return { ...found, tried: found.tried + likely.length };
}

/** A seed counts only when the unchanged code passes it; otherwise it shows something different. */
async function huntIn(
  mutation: Mutation,
  range: { from: number; to: number },
  endMs: number,
): Promise<Hunted> {
  for (let { from } = range; ; ) {
    const limitMs = endMs - systemClock.monotonicMs();
    const { upTo, ...found } = await search(
      mutation.name,
      { from, to: range.to, limitMs },
      'patched',
    );
    const { seed } = found;
    const hunted = { mutation, ...found, tried: upTo };
    if (seed === null) return hunted;
    const again = { from: seed, to: seed, limitMs: Number.POSITIVE_INFINITY };
    if ((await search(mutation.name, again, 'as-it-is')).seed === null) return hunted;
    from = seed + 1;
  }
}

type Found = Pick<Hunted, 'seed' | 'rules' | 'text'> & { readonly upTo: number };

async function search(
  name: string,
  range: { from: number; to: number; limitMs: number },
  how: 'patched' | 'as-it-is',
): Promise<Found> {
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const hook = how === 'patched' ? ['--import', path('./hook.ts')] : [];
  const asked = [range.from, range.to, range.limitMs].map(String);
  const argv = ['--conditions=throwover-source', ...hook, path('./hunt.ts'), name, ...asked];
  const env = { ...process.env, THROWOVER_MUTATION: name };
  const { stdout } = await promisify(execFile)(process.execPath, argv, { env });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Found;
}

function say(text: string): void {
  if (!values.json) process.stdout.write(`${text}\n`);
}
