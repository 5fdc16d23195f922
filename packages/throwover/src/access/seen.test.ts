import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { openPrivately } from '../kernel/private-database.ts';
import type { Accepted } from './judge.ts';
import { parseName } from './names.ts';
import { openSeen, type Seen } from './seen.ts';

const guard = 'throwover://checkout/guard/east/1';
const serve = 'throwover://checkout/serve/1';
const newest = (seen: Seen, name = guard) => seen.newestOf(name)?.notBeforeMs ?? null;
const codes = (seen: Seen) => seen.problems().map(({ code }) => code);

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'throwover-seen-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function accepted(
  notBeforeMs: number,
  more: { uri?: string; state?: Accepted['state']; serial?: string } = {},
): Accepted {
  const name = parseName(more.uri ?? guard);
  if (name === null) throw new Error('not a name');
  return {
    state: more.state ?? 'valid',
    name,
    issuer: 'one',
    said: null,
    certificate: {
      ...{ serial: more.serial ?? notBeforeMs.toString(16).toUpperCase(), notBeforeMs },
      ...{ notAfterMs: notBeforeMs + 1, fingerprint: 'f'.repeat(64) },
      ...{ uris: [], signatureAlgorithm: '', keyUsage: null, extendedKeyUsage: null },
      ...{ authority: false, unknownCritical: [] },
    },
  };
}

it('keeps the newest of each name over a restart, for the owner alone', async () => {
  const dir = directory();
  const file = join(dir, 'seen');
  const seen = await openSeen(file);
  expect(seen.newestOf(guard)).toBeNull();
  await seen.note(accepted(2_000));
  await seen.note(accepted(1_000));
  await seen.note(accepted(3_000, { uri: serve }));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir)).toEqual(['seen']);
  const again = await openSeen(file);
  expect(again.newestOf(guard)).toMatchObject({ notBeforeMs: 2_000, serial: '7D0' });
  expect(newest(again, serve)).toBe(3_000);
  expect(newest(again, 'throwover://checkout/guard/east/2')).toBeNull();
  expect(again.problems()).toEqual([]);
});

it('remembers an expired certificate, and none that begins in the future', async () => {
  const seen = await openSeen(join(directory(), 'seen'));
  await seen.note(accepted(1_000, { state: 'expired' }));
  await seen.note(accepted(9_000, { state: 'not-yet-valid' }));
  expect(newest(seen)).toBe(1_000);
});

it('a revoked certificate is not the newest any more: the one before it counts', async () => {
  const file = join(directory(), 'seen');
  const seen = await openSeen(file);
  for (const at of [1_000, 2_000, 3_000, 9_000]) await seen.note(accepted(at));
  await seen.learn('another', [(9_000).toString(16).toUpperCase()]);
  expect(newest(seen)).toBe(9_000);
  await seen.learn('one', [(9_000).toString(16).toUpperCase()]);
  expect(newest(seen)).toBe(3_000);
  expect(newest(await openSeen(file))).toBe(3_000);
});

it('keeps four certificates of a name, on disk too', async () => {
  const file = join(directory(), 'seen');
  const seen = await openSeen(file);
  for (let at = 1; at <= 40; at += 1) await seen.note(accepted(at));
  const again = await openSeen(file);
  for (const one of [seen, again]) {
    await one.learn('one', ['28', '27', '26']);
    expect(newest(one)).toBe(37);
  }
  for (const one of [seen, again]) {
    await one.learn('one', ['25']);
    expect(one.newestOf(guard)).toBeNull();
  }
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
  expect(newest(seen)).toBe(2_000);
  expect(seen.isRevoked('one', '01')).toBe(true);
  await Promise.all(written);
});

it('many changes at once are all on disk when each one resolves', async () => {
  const file = join(directory(), 'seen');
  const seen = await openSeen(file);
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      await seen.learn('one', [`A${index}`]);
      expect((await openSeen(file)).isRevoked('one', `A${index}`)).toBe(true);
    }),
  );
});

it('two processes of one file lose nothing, and each learns what the other wrote', async () => {
  const file = join(directory(), 'seen');
  const [one, two] = [await openSeen(file), await openSeen(file)];
  await one.learn('one', ['AA']);
  await two.learn('one', ['BB']);
  await Promise.all([one.note(accepted(2_000)), two.note(accepted(3_000))]);
  for (const seen of [one, two, await openSeen(file)]) {
    await seen.settle();
    expect(seen.isRevoked('one', 'AA') && seen.isRevoked('one', 'BB')).toBe(true);
    expect(newest(seen)).toBe(3_000);
    expect(seen.problems()).toEqual([]);
  }
});

it('processes that begin and write at the same time lose nothing', async () => {
  const file = join(directory(), 'seen');
  const script = `
    import { openSeen } from ${JSON.stringify(new URL('./seen.ts', import.meta.url).href)};
    const [file, mark] = process.argv.slice(1);
    const seen = await openSeen(file);
    for (let index = 0; index < 20; index += 1) await seen.learn('one', [mark + index]);
    while (seen.problems().length > 0) await seen.settle();`;
  const options = ['--conditions=throwover-source', '--input-type=module', '-e', script];
  await Promise.all(
    ['A', 'B', 'C'].map((mark) => promisify(execFile)(process.execPath, [...options, file, mark])),
  );
  const seen = await openSeen(file);
  for (const mark of ['A', 'B', 'C']) {
    for (let index = 0; index < 20; index += 1) {
      expect(seen.isRevoked('one', `${mark}${index}`), `${mark}${index}`).toBe(true);
    }
  }
  expect(seen.problems()).toEqual([]);
});

/** Two names and many revocations: more than one page. */
async function written(): Promise<string> {
  const file = join(directory(), 'seen');
  const seen = await openSeen(file);
  await seen.learn('one', ['01', ...Array.from({ length: 2_000 }, (_, at) => `A${at}`)]);
  await seen.note(accepted(2_000));
  await seen.note(accepted(3_000, { uri: serve }));
  return file;
}

it('cut off at any byte is told, also after a restart, and the damaged file is kept as it is', async () => {
  const file = await written();
  const whole = readFileSync(file);
  for (const bytes of [0, 1, 20, 99, 500, 4_095, 4_096, 9_000, whole.length - 1]) {
    rmSync(`${file}.damaged`, { force: true });
    writeFileSync(file, whole.subarray(0, bytes));
    const seen = await openSeen(file);
    expect(codes(seen), `${bytes} bytes`).toEqual(['memory-damaged']);
    expect(readFileSync(`${file}.damaged`)).toEqual(whole.subarray(0, bytes));
    await seen.learn('one', ['FF']);
    const again = await openSeen(file);
    expect(codes(again)).toEqual(['memory-damaged']);
    expect(again.isRevoked('one', 'FF')).toBe(true);
  }
});

it('the rows of a damaged file that can be read count, also if the process is killed before it writes them', async () => {
  const file = await written();
  const whole = readFileSync(file);
  writeFileSync(file, whole.subarray(0, whole.length - 4_096));
  const before = await openSeen(file);
  const read = ['01', ...Array.from({ length: 2_000 }, (_, at) => `A${at}`)].filter((serial) =>
    before.isRevoked('one', serial),
  );
  expect(read.length).toBeGreaterThan(100);
  rmSync(file);
  const again = await openSeen(file);
  expect(read.every((serial) => again.isRevoked('one', serial))).toBe(true);
  expect(codes(again)).toEqual(['memory-damaged']);
});

it('the alarm of a damaged file stands until a person removes it; each damaged file is kept', async () => {
  const file = await written();
  writeFileSync(file, 'garbage\n');
  expect(codes(await openSeen(file))).toEqual(['memory-damaged']);
  writeFileSync(file, 'more garbage\n');
  const seen = await openSeen(file);
  expect(readFileSync(`${file}.damaged`, 'utf8')).toBe('garbage\n');
  expect(readFileSync(`${file}.damaged.2`, 'utf8')).toBe('more garbage\n');
  rmSync(`${file}.damaged`);
  await seen.settle();
  expect(codes(seen)).toEqual(['memory-damaged']);
  rmSync(`${file}.damaged.2`);
  await seen.settle();
  expect(seen.problems()).toEqual([]);
});

it('damaged while the process runs: it writes everything that it knows again', async () => {
  const file = await written();
  const seen = await openSeen(file);
  writeFileSync(file, 'garbage that is long enough to hold a count of changes\n');
  await seen.settle();
  expect(codes(seen)).toEqual(['memory-damaged']);
  const again = await openSeen(file);
  expect(again.isRevoked('one', '01') && again.isRevoked('one', 'A1999')).toBe(true);
  expect(newest(again)).toBe(2_000);
});

it.each([
  ['removed', (file: string) => rmSync(file)],
  [
    'replaced',
    (file: string) => {
      renameSync(file, `${file}.old`);
      return openSeen(file);
    },
  ],
])('%s while the process runs is told, and written again', async (_, spoil) => {
  const file = await written();
  const seen = await openSeen(file);
  await spoil(file);
  await seen.settle();
  expect(codes(seen)).toEqual(['memory-lost']);
  const again = await openSeen(file);
  expect(again.isRevoked('one', '01')).toBe(true);
  expect(newest(again)).toBe(2_000);
});

it('tells that it cannot be written, and writes again later', async () => {
  const dir = directory();
  const file = join(dir, 'inner', 'seen');
  const seen = await openSeen(file);
  await seen.note(accepted(2_000));
  expect(codes(seen)).toEqual(['memory-not-written']);
  expect(newest(seen)).toBe(2_000);
  mkdirSync(join(dir, 'inner'));
  await seen.settle();
  expect(seen.problems()).toEqual([]);
  expect(newest(await openSeen(file))).toBe(2_000);
});

it('held by another process for long: it is told, nothing waits, and it is written later', async () => {
  const file = await written();
  const seen = await openSeen(file);
  const other = openPrivately(file);
  other.exec('BEGIN EXCLUSIVE');
  await seen.learn('one', ['FF']);
  expect(seen.isRevoked('one', 'FF')).toBe(true);
  expect(codes(seen)).toEqual(['memory-not-written']);
  other.close();
  await seen.settle();
  expect(seen.problems()).toEqual([]);
  expect(existsSync(`${file}.damaged`)).toBe(false);
  expect((await openSeen(file)).isRevoked('one', 'FF')).toBe(true);
});

it('a file that cannot be read is refused at the start, and not touched', async () => {
  const dir = directory();
  await expect(openSeen(dir)).rejects.toMatchObject({ code: 'certificate-memory-unreadable' });
  expect(readdirSync(dir)).toEqual([]);
});

it('is bounded: the names that are there stay, a new one is told', async () => {
  const seen = await openSeen(join(directory(), 'seen'));
  await Promise.all(
    Array.from({ length: 4_096 }, (_, index) =>
      seen.note(accepted(1, { uri: `throwover://checkout/serve/${index}` })),
    ),
  );
  await seen.note(accepted(2_000));
  expect(seen.newestOf(guard)).toBeNull();
  expect(codes(seen)).toEqual(['memory-full']);
  await seen.note(accepted(2_000, { uri: 'throwover://checkout/serve/7' }));
  expect(newest(seen, 'throwover://checkout/serve/7')).toBe(2_000);
});

it('revocations are bounded too, and the first ones stay', async () => {
  const seen = await openSeen(join(directory(), 'seen'));
  const serials = Array.from({ length: 20_001 }, (_, index) => index.toString(16));
  await seen.learn('one', serials);
  expect(seen.isRevoked('one', '0')).toBe(true);
  expect(seen.isRevoked('one', (20_000).toString(16))).toBe(false);
  expect(codes(seen)).toEqual(['memory-full']);
});
