import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Accepted } from './judge.ts';
import { parseName } from './names.ts';
import { openSeen } from './seen.ts';

const guard = 'throwover://checkout/guard/east/1';

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'throwover-seen-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function accepted(
  notBeforeMs: number,
  more: { uri?: string; state?: Accepted['state'] } = {},
): Accepted {
  const name = parseName(more.uri ?? guard);
  if (name === null) throw new Error('not a name');
  return {
    state: more.state ?? 'valid',
    name,
    issuer: 'a'.repeat(64),
    said: null,
    certificate: {
      ...{ serial: 'AB', notBeforeMs, notAfterMs: notBeforeMs + 1, fingerprint: 'f'.repeat(64) },
      ...{ uris: [], signatureAlgorithm: '', keyUsage: null, extendedKeyUsage: null },
      ...{ authority: false, unknownCritical: [] },
    },
  };
}

it('keeps the newest of each name over a restart, for the owner alone', async () => {
  const file = join(directory(), 'seen');
  const seen = await openSeen(file);
  expect(seen.newestOf(guard)).toBeNull();
  await seen.note(accepted(2_000));
  await seen.note(accepted(1_000));
  await seen.note(accepted(3_000, { uri: 'throwover://checkout/serve/1' }));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = await openSeen(file);
  expect(again.newestOf(guard)).toBe(2_000);
  expect(again.newestOf('throwover://checkout/serve/1')).toBe(3_000);
  expect(again.newestOf('throwover://checkout/guard/east/2')).toBeNull();
  expect(again.problems()).toEqual([]);
});

it('remembers an expired certificate, and none that begins in the future', async () => {
  const seen = await openSeen(join(directory(), 'seen'));
  await seen.note(accepted(1_000, { state: 'expired' }));
  await seen.note(accepted(9_000, { state: 'not-yet-valid' }));
  expect(seen.newestOf(guard)).toBe(1_000);
});

it('never forgets a revocation, and tells issuers apart', async () => {
  const file = join(directory(), 'seen');
  const seen = await openSeen(file);
  const serials = Array.from({ length: 250 }, (_, index) => index.toString(16));
  await seen.learn('one', serials);
  await seen.learn('two', ['FF']);
  await seen.learn('one', []);
  const again = await openSeen(file);
  expect(serials.every((serial) => again.isRevoked('one', serial))).toBe(true);
  expect(again.isRevoked('two', 'FF')).toBe(true);
  expect(again.isRevoked('one', 'FF')).toBe(false);
  expect(again.isRevoked('two', '1')).toBe(false);
});

it('counts at once, before it is on disk', async () => {
  const seen = await openSeen(join(directory(), 'seen'));
  const written = [seen.note(accepted(2_000)), seen.learn('one', ['01'])];
  expect(seen.newestOf(guard)).toBe(2_000);
  expect(seen.isRevoked('one', '01')).toBe(true);
  await Promise.all(written);
});

it('many changes at once are all on disk when each one resolves', async () => {
  const file = join(directory(), 'seen');
  const seen = await openSeen(file);
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      await seen.learn('one', [`A${index}`]);
      expect(readFileSync(file, 'utf8')).toContain(`"A${index}"`);
    }),
  );
});

/** Two names and two revocations. */
async function written(): Promise<string> {
  const file = join(directory(), 'seen');
  const seen = await openSeen(file);
  await seen.learn('one', ['01']);
  await seen.learn('two', ['02']);
  await seen.note(accepted(2_000));
  await seen.note(accepted(3_000, { uri: 'throwover://checkout/serve/1' }));
  return file;
}

it('cut off at any byte: what is whole counts, an alarm tells of it, and the file is kept', async () => {
  const file = await written();
  const whole = readFileSync(file, 'utf8');
  const lines = whole.split('\n');
  for (let bytes = 0; bytes < whole.length; bytes += 7) {
    rmSync(`${file}.damaged`, { force: true });
    writeFileSync(file, whole.slice(0, bytes));
    const seen = await openSeen(file);
    const linesLeft = whole.slice(0, bytes).split('\n').length - 1;
    const lineOf = (text: string) => lines.findIndex((line) => line.includes(text));
    expect(seen.isRevoked('one', '01')).toBe(
      linesLeft > lineOf('"one"') || bytes >= whole.indexOf('\n', whole.indexOf('"one"')),
    );
    expect(seen.problems().map(({ code }) => code)).toEqual(
      whole.slice(0, bytes) === whole.trimEnd() ? [] : ['memory-damaged'],
    );
  }
});

it('one damaged line loses only itself, also the first', async () => {
  const file = await written();
  const whole = readFileSync(file, 'utf8');
  for (const [index] of whole.trimEnd().split('\n').entries()) {
    rmSync(`${file}.damaged`, { force: true });
    const lines = whole.split('\n');
    lines[index] = '\0\0\0';
    writeFileSync(file, lines.join('\n'));
    const seen = await openSeen(file);
    const kept = [
      seen.isRevoked('one', '01'),
      seen.isRevoked('two', '02'),
      seen.newestOf(guard) === 2_000,
      seen.newestOf('throwover://checkout/serve/1') === 3_000,
    ];
    expect(kept).toEqual(kept.map((_, line) => line !== index - 1));
    expect(readFileSync(`${file}.damaged`, 'utf8')).toContain('\0\0\0');
  }
});

it('without its first line every other line counts', async () => {
  const file = await written();
  const [, ...rest] = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, rest.join('\n'));
  const seen = await openSeen(file);
  expect(seen.isRevoked('one', '01') && seen.isRevoked('two', '02')).toBe(true);
  expect(seen.newestOf(guard)).toBe(2_000);
  expect(seen.problems()).toMatchObject([{ code: 'memory-damaged' }]);
});

it('the alarm of a damaged file stands over restarts, until a person removes that file', async () => {
  const file = await written();
  writeFileSync(file, 'garbage\n');
  expect((await openSeen(file)).problems()).toMatchObject([{ code: 'memory-damaged' }]);
  const seen = await openSeen(file);
  await seen.learn('one', ['03']);
  expect(seen.problems()).toMatchObject([{ code: 'memory-damaged' }]);
  // A second damage keeps the first file: it may still hold what is missing.
  writeFileSync(file, 'more garbage\n');
  await openSeen(file);
  expect(readFileSync(`${file}.damaged`, 'utf8')).toBe('garbage\n');
  rmSync(`${file}.damaged`);
  await seen.settle();
  expect(seen.problems()).toEqual([]);
});

it('tells that it cannot be written, and writes again later', async () => {
  const dir = directory();
  const file = join(dir, 'inner', 'seen');
  const seen = await openSeen(file);
  await seen.note(accepted(2_000));
  expect(seen.problems()).toMatchObject([{ code: 'memory-not-written' }]);
  expect(seen.newestOf(guard)).toBe(2_000);
  mkdirSync(join(dir, 'inner'));
  await seen.settle();
  expect(seen.problems()).toEqual([]);
  expect((await openSeen(file)).newestOf(guard)).toBe(2_000);
});

it('a file that cannot be read is refused at the start, and not touched', async () => {
  const dir = directory();
  await expect(openSeen(dir)).rejects.toMatchObject({ code: 'certificate-memory-unreadable' });
  expect(readdirSync(dir)).toEqual([]);
});

it('is bounded: the names that are there stay, a new one is told', async () => {
  const file = join(directory(), 'seen');
  const lines = Array.from({ length: 4_096 }, (_, index) => ({
    ...{ name: `throwover://checkout/serve/${index}`, notBeforeMs: 1, serial: '01' },
    fingerprint: 'f',
  }));
  const head = { throwover: 'seen-certificates', lines: lines.length };
  writeFileSync(file, [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''));
  const seen = await openSeen(file);
  await seen.note(accepted(2_000));
  expect(seen.newestOf(guard)).toBeNull();
  expect(seen.problems()).toMatchObject([{ code: 'memory-full' }]);
  await seen.note(accepted(2_000, { uri: 'throwover://checkout/serve/7' }));
  expect(seen.newestOf('throwover://checkout/serve/7')).toBe(2_000);
});

it('revocations are bounded too, and the first ones stay', async () => {
  const seen = await openSeen(join(directory(), 'seen'));
  const serials = Array.from({ length: 20_001 }, (_, index) => index.toString(16));
  await seen.learn('one', serials);
  expect(seen.isRevoked('one', '0')).toBe(true);
  expect(seen.isRevoked('one', (20_000).toString(16))).toBe(false);
  expect(seen.problems()).toMatchObject([{ code: 'memory-full' }]);
});
