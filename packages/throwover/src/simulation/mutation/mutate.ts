/**
 * `npm run mutate -- [--seeds N] [--only NAME,NAME] [--json]`: every deliberate bug, each hunted in a process
 * of its own, and the seed that caught it. Exit code 1 when one of them was not caught.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutations } from './mutations.ts';

/** Hunts at once. */
const lanes = 2;

interface Hunted {
  readonly name: string;
  readonly seed: number | null;
  readonly rule: string | null;
  readonly text: string;
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const waiting = mutations.filter(
  ({ name }) => values.only === undefined || values.only.split(',').includes(name),
);
const total = waiting.length;
const hunted: Hunted[] = [];
await Promise.all(Array.from({ length: lanes }, lane));
const missed = hunted.filter(({ seed }) => seed === null);
say(`${hunted.length - missed.length} of ${total} mutations caught`);
if (values.json) {
  const caught = hunted.map(({ name, seed, rule }) => ({ name, seed, rule }));
  process.stdout.write(`${JSON.stringify({ mutations: total, missed: missed.length, caught })}\n`);
}
process.exitCode = missed.length === 0 ? 0 : 1;

async function lane(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const result = await hunt(next.name);
    hunted.push(result);
    const where = result.seed === null ? 'NOT CAUGHT' : `seed ${result.seed}, ${result.rule}`;
    say(`${next.name.padEnd(34)} ${where}`);
    say(`  ${next.what}`);
  }
}

/** A seed counts when the code as it is passes it: else it shows something else. */
async function hunt(name: string): Promise<Hunted> {
  const last = Number(values.seeds);
  for (let from = 1; ; ) {
    const found = await search(name, { from, to: last, patched: true });
    if (found.seed === null) return found;
    const plain = await search(name, { from: found.seed, to: found.seed, patched: false });
    if (plain.seed === null) return found;
    from = found.seed + 1;
  }
}

function search(
  name: string,
  { from, to, patched }: { from: number; to: number; patched: boolean },
): Promise<Hunted> {
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const hook = patched ? ['--import', path('./hook.ts')] : [];
  const child = spawn(
    process.execPath,
    ['--conditions=throwover-source', ...hook, path('./hunt.ts'), name, `${from}`, `${to}`],
    {
      env: { ...process.env, THROWOVER_MUTATION: name },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out.trim().split('\n').at(-1) ?? '') as Hunted);
      else reject(new Error(`${name}: ${err.trim() || `ended with ${code}`}`));
    });
  });
}

function say(text: string): void {
  if (!values.json) process.stdout.write(`${text}\n`);
}
