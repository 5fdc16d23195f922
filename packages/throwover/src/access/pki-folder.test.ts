import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openPrivately } from '../kernel/private-database.ts';
import { contentOf, finishRotation, initPki, issue, renew, revoke, rotate } from './access.ts';
import { factsOf } from './certificate.ts';
import { type MachineName, parseName } from './names.ts';

const dayMs = 86_400_000;
/** 2026-01-01T00:00:00Z */
const startMs = 1_767_225_600_000;

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'throwover-pki-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'pki');
}

function nameOf(path: string): MachineName {
  const name = parseName(`throwover://${path}`);
  if (name === null) throw new Error(`not a name: ${path}`);
  return name;
}

/** An authority in a folder, with a clock that a test sets. */
async function folder(...names: readonly string[]) {
  const dir = directory();
  const place = { dir, nowWallMs: startMs };
  await initPki(place);
  const issueOne = (path: string, hosts: readonly string[] = []) =>
    issue(place, { name: nameOf(path), hosts, days: 90 });
  for (const name of names) await issueOne(name);
  return { dir, place, issueOne };
}

const guard = 'checkout/guard/east/1';
const guardFile = (dir: string, kind: 'crt' | 'key') =>
  join(dir, 'issued', `checkout.guard.east.1.${kind}`);
const serialIn = (file: string) => new X509Certificate(readFileSync(file)).serialNumber;
const states = async (place: { dir: string; nowWallMs: number }) =>
  (await contentOf(place)).certificates.map(({ name, state }) => `${name} ${state}`);

/** Runs openssl's own verification with the folder's files. */
function verified(dir: string, file: string): string {
  const lists = ['-crl_check', '-CRLfile', join(dir, 'crl.pem')];
  const trust = ['-CAfile', join(dir, 'trust.pem')];
  const at = ['-attime', String(startMs / 1000)];
  try {
    return execFileSync('openssl', ['verify', '-x509_strict', ...trust, ...lists, ...at, file], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

const modes = (dir: string) =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .sort()
      .map((name) => [name, (statSync(join(dir, name)).mode & 0o777).toString(8)]),
  );

it('has the files that docs/certificates.md lists, and keys are for their owner alone', async () => {
  const before = process.umask(0);
  onTestFinished(() => void process.umask(before));
  const { dir } = await folder(guard);
  expect(modes(dir)).toEqual({
    authorities: '700',
    'authorities/1.key': '600',
    'crl.pem': '644',
    'index.json': '600',
    issued: '700',
    'issued/checkout.guard.east.1.crt': '644',
    'issued/checkout.guard.east.1.key': '600',
    lock: '600',
    'trust.pem': '644',
  });
});

describe('issue', () => {
  it('gives what openssl takes', async () => {
    const { dir, issueOne } = await folder();
    const [issued] = await issueOne(guard, ['guard.example', '192.0.2.7']);
    expect(issued).toMatchObject({
      ...{ name: guard, daysLeft: 90, state: 'current', authority: 1 },
      ...{ notBefore: '2025-12-31T23:00:00.000Z', notAfter: '2026-04-01T00:00:00.000Z' },
      files: { certificate: guardFile(dir, 'crt'), key: guardFile(dir, 'key') },
    });
    expect(verified(dir, guardFile(dir, 'crt'))).toContain(': OK');
  });

  it('of a name that has a certificate is refused, and changes nothing', async () => {
    const { dir, issueOne } = await folder(guard);
    const before = readFileSync(guardFile(dir, 'key'), 'utf8');
    await expect(issueOne(guard)).rejects.toMatchObject({ code: 'pki-name-issued' });
    expect(readFileSync(guardFile(dir, 'key'), 'utf8')).toBe(before);
    expect(readdirSync(join(dir, 'issued'))).toHaveLength(2);
  });

  it.each(['crt', 'key'] as const)('never overwrites a %s that it did not write', async (kind) => {
    const { dir, issueOne } = await folder();
    writeFileSync(guardFile(dir, kind), 'mine');
    await expect(issueOne(guard)).rejects.toMatchObject({ code: 'pki-file-there' });
    expect(readFileSync(guardFile(dir, kind), 'utf8')).toBe('mine');
  });

  it('works again for a name whose certificates were revoked', async () => {
    const { place, issueOne } = await folder(guard);
    await revoke(place, guard);
    await issueOne(guard);
    expect(await states(place)).toEqual([`${guard} revoked`, `${guard} current`]);
  });
});

describe('renew', () => {
  it('gives a new key, keeps the host names, and begins later', async () => {
    const { dir, place, issueOne } = await folder();
    await issueOne(guard, ['guard.example']);
    const before = new X509Certificate(readFileSync(guardFile(dir, 'crt')));
    await renew(place, { which: guard, days: 30 });
    const after = new X509Certificate(readFileSync(guardFile(dir, 'crt')));
    expect(after.subjectAltName).toBe(before.subjectAltName);
    expect(after.checkPrivateKey(createPrivateKey(readFileSync(guardFile(dir, 'key'))))).toBe(true);
    expect(after.publicKey.equals(before.publicKey)).toBe(false);
    expect(factsOf(after).notBeforeMs).toBe(factsOf(before).notBeforeMs + 1_000);
    expect(await states(place)).toEqual([`${guard} replaced`, `${guard} current`]);
  });

  it('takes a name in each of its spellings, or a serial number, and nothing else', async () => {
    const { dir, place } = await folder(guard);
    const spellings = ['checkout.guard.east.1', `throwover://${guard}`, guard];
    for (const which of [...spellings, serialIn(guardFile(dir, 'crt')).toLowerCase()]) {
      // The serial number is that of the certificate before: it counts for the current one alone.
      const renewed = renew(place, { which, days: 90 });
      if (which.includes('east')) expect(await renewed).toHaveLength(1);
      else await expect(renewed).rejects.toMatchObject({ code: 'pki-name-unknown' });
    }
    for (const which of ['', 'checkout', 'checkout/guard/east', '*']) {
      await expect(renew(place, { which, days: 90 })).rejects.toMatchObject({
        code: 'pki-name-unknown',
      });
    }
  });

  it('of all takes those that expire soon, and none that were revoked', async () => {
    const { place, dir } = await folder(guard, 'checkout/serve/1');
    await revoke(place, 'checkout/serve/1');
    expect(await renew(place, { withinDays: 30, days: 90 })).toEqual([]);
    const later = { dir, nowWallMs: startMs + 61 * dayMs };
    const renewed = await renew(later, { withinDays: 30, days: 90 });
    expect(renewed.map(({ name, daysLeft }) => [name, daysLeft])).toEqual([[guard, 90]]);
    expect(await renew(later, { withinDays: 30, days: 90 })).toEqual([]);
  });

  it('after the clock was set back by an hour still begins later than the one before', async () => {
    const { place, dir } = await folder(guard);
    const before = factsOf(new X509Certificate(readFileSync(guardFile(dir, 'crt'))));
    await renew({ dir, nowWallMs: place.nowWallMs - 3_500_000 }, { which: guard, days: 90 });
    const after = factsOf(new X509Certificate(readFileSync(guardFile(dir, 'crt'))));
    expect(after.notBeforeMs).toBe(before.notBeforeMs + 1_000);
  });

  it.each([1, 2, 20])('after the clock was set back by %i hours, too', async (hours) => {
    const { place, dir } = await folder(guard);
    const before = factsOf(new X509Certificate(readFileSync(guardFile(dir, 'crt'))));
    const back = { dir, nowWallMs: place.nowWallMs - hours * 3_600_000 };
    await renew(back, { which: guard, days: 90 });
    const after = factsOf(new X509Certificate(readFileSync(guardFile(dir, 'crt'))));
    expect(after.notBeforeMs).toBe(before.notBeforeMs + 1_000);
  });

  it('after the clock was ahead by days is refused with both dates, until that one is revoked', async () => {
    const { place, issueOne, dir } = await folder(guard);
    const ahead = { dir, nowWallMs: startMs + 365 * dayMs };
    const [wrong] = await renew(ahead, { which: guard, days: 90 });
    await expect(renew(place, { which: guard, days: 90 })).rejects.toMatchObject({
      code: 'pki-clock-behind',
      message: expect.stringMatching(/begins at 2026-12-31T23.*clock says 2026-01-01T00/),
      evidence: { serial: wrong?.serial },
    });
    await revoke(place, wrong?.serial ?? '');
    const [right] = await issueOne(guard);
    expect(right?.notBefore).toBe('2025-12-31T23:00:01.000Z');
  });

  it('of a revoked name says that it was revoked', async () => {
    const { place, dir } = await folder(guard);
    const serial = serialIn(guardFile(dir, 'crt'));
    await revoke(place, guard);
    for (const which of [guard, serial]) {
      await expect(renew(place, { which, days: 90 })).rejects.toMatchObject({
        code: 'pki-name-revoked',
      });
    }
  });
});

it('an authority that has expired issues and renews nothing', async () => {
  const { dir, place } = await folder(guard);
  const late = { dir, nowWallMs: startMs + 3_651 * dayMs };
  const name = nameOf('checkout/serve/1');
  for (const refused of [
    () => issue(late, { name, hosts: [], days: 90 }),
    () => renew(late, { withinDays: 30, days: 90 }),
  ]) {
    await expect(refused()).rejects.toMatchObject({ code: 'pki-authority-expired' });
  }
  expect(await states(place)).toEqual([`${guard} current`]);
});

describe('revoke', () => {
  it('takes every certificate of a name, and openssl refuses them', async () => {
    const { dir, place } = await folder(guard, 'checkout/serve/1');
    const first = readFileSync(guardFile(dir, 'crt'), 'utf8');
    await renew(place, { which: guard, days: 90 });
    expect(await revoke(place, guard)).toHaveLength(2);
    expect(verified(dir, guardFile(dir, 'crt'))).toContain('revoked');
    writeFileSync(join(dir, 'first.crt'), first);
    expect(verified(dir, join(dir, 'first.crt'))).toContain('revoked');
    expect(verified(dir, join(dir, 'issued', 'checkout.serve.1.crt'))).toContain(': OK');
    expect(await states(place)).toEqual([
      `${guard} revoked`,
      'checkout/serve/1 current',
      `${guard} revoked`,
    ]);
  });

  it('by serial number takes that one alone; again changes nothing', async () => {
    const { dir, place } = await folder(guard);
    const serial = serialIn(guardFile(dir, 'crt'));
    await renew(place, { which: guard, days: 90 });
    await revoke(place, serial);
    await revoke({ ...place, nowWallMs: startMs + 60_000 }, serial);
    expect(await states(place)).toEqual([`${guard} revoked`, `${guard} current`]);
    const [kept] = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')).certificates;
    expect(kept.revokedAt).toBe('2026-01-01T00:00:00.000Z');
    expect(verified(dir, guardFile(dir, 'crt'))).toContain(': OK');
    await expect(revoke(place, '00')).rejects.toMatchObject({ code: 'pki-name-unknown' });
  });
});

describe('rotate', () => {
  it('trusts both, lets the new one issue, and ends the old one when nothing needs it', async () => {
    const { dir, place } = await folder(guard, 'checkout/serve/1', 'checkout/door/east/1');
    await revoke(place, 'checkout/door/east/1');
    const old = readFileSync(guardFile(dir, 'crt'), 'utf8');
    const { authorities } = await rotate(place);
    expect(authorities.map(({ number, state }) => `${number} ${state}`)).toEqual([
      '1 trusted',
      '2 issues',
    ]);
    expect(verified(dir, guardFile(dir, 'crt'))).toContain(': OK');
    await expect(finishRotation(place)).rejects.toMatchObject({ code: 'pki-authority-in-use' });
    const renewed = await renew(place, { withinDays: 0, days: 90 });
    expect(renewed.map(({ name, authority }) => `${name} ${authority}`)).toEqual([
      `${guard} 2`,
      'checkout/serve/1 2',
    ]);
    expect(verified(dir, guardFile(dir, 'crt'))).toContain(': OK');
    const done = await finishRotation(place);
    expect(done.authorities.map(({ state }) => state)).toEqual(['retired', 'issues']);
    expect(verified(dir, guardFile(dir, 'crt'))).toContain(': OK');
    writeFileSync(join(dir, 'old.crt'), old);
    expect(verified(dir, join(dir, 'old.crt'))).toContain('unable to get local issuer');
  });

  it('does not end an authority whose certificates have expired: expiry closes nothing', async () => {
    const { dir, place } = await folder(guard);
    await rotate(place);
    const late = { dir, nowWallMs: startMs + 91 * dayMs };
    await expect(finishRotation(late)).rejects.toMatchObject({ code: 'pki-authority-in-use' });
    await renew(late, { withinDays: 0, days: 90 });
    await finishRotation(late);
  });

  it('a certificate of the old authority can be revoked, also after it was renewed', async () => {
    const { dir, place } = await folder(guard);
    const old = readFileSync(guardFile(dir, 'crt'), 'utf8');
    await rotate(place);
    await renew(place, { which: guard, days: 90 });
    await revoke(place, new X509Certificate(old).serialNumber);
    writeFileSync(join(dir, 'old.crt'), old);
    expect(verified(dir, join(dir, 'old.crt'))).toContain('revoked');
    expect(verified(dir, guardFile(dir, 'crt'))).toContain(': OK');
  });
});

describe('a folder', () => {
  it('that has an authority is not begun anew', async () => {
    const { dir, place } = await folder();
    const before = readFileSync(join(dir, 'trust.pem'), 'utf8');
    await expect(initPki(place)).rejects.toMatchObject({ code: 'pki-folder-taken' });
    expect(readFileSync(join(dir, 'trust.pem'), 'utf8')).toBe(before);
  });

  it('without an authority is missing; the error names init', async () => {
    const place = { dir: directory(), nowWallMs: startMs };
    await expect(contentOf(place)).rejects.toMatchObject({ code: 'pki-folder-missing' });
    await expect(renew(place, { which: guard, days: 1 })).rejects.toMatchObject({
      code: 'pki-folder-missing',
      remedy: expect.stringContaining('throwover pki init'),
    });
    expect(existsSync(place.dir)).toBe(false);
  });

  it('whose index is gone, cut off or not ours is damaged, and nothing in it is changed', async () => {
    const { dir, place } = await folder(guard);
    const index = join(dir, 'index.json');
    const whole = readFileSync(index, 'utf8');
    for (const text of ['', whole.slice(0, -20), '{}', '{"version":0}']) {
      writeFileSync(index, text);
      await expect(revoke(place, guard)).rejects.toMatchObject({ code: 'pki-folder-damaged' });
      await expect(contentOf(place)).rejects.toMatchObject({ code: 'pki-folder-damaged' });
      expect(readFileSync(index, 'utf8')).toBe(text);
    }
    rmSync(index);
    await expect(initPki(place)).rejects.toMatchObject({ code: 'pki-folder-damaged' });
  });

  it('of a later version says so, and is not called damaged', async () => {
    const { dir, place } = await folder(guard);
    const index = join(dir, 'index.json');
    writeFileSync(index, readFileSync(index, 'utf8').replace('"version": 1', '"version": 2'));
    await expect(contentOf(place)).rejects.toMatchObject({ code: 'pki-folder-newer' });
  });

  it('that cannot be written says which file, and what was begun is completed later', async () => {
    const { dir, place, issueOne } = await folder(guard);
    rmSync(join(dir, 'crl.pem'));
    mkdirSync(join(dir, 'crl.pem'));
    await expect(issueOne('checkout/serve/1')).rejects.toMatchObject({
      code: 'pki-folder-unwritable',
    });
    rmSync(join(dir, 'crl.pem'), { recursive: true });
    await issueOne('checkout/serve/1');
    writeFileSync(join(dir, 'lock'), 'x'.repeat(5_000));
    await expect(revoke(place, guard)).rejects.toMatchObject({
      code: 'pki-folder-unwritable',
      message: expect.stringMatching(/lock: .*It holds no data: remove it/),
    });
    rmSync(join(dir, 'lock'));
    expect(await revoke(place, guard)).toHaveLength(1);
  });

  it('follows no link that stands where a new file is written', async () => {
    const { dir, issueOne } = await folder();
    writeFileSync(join(dir, 'victim'), 'important');
    symlinkSync(join(dir, 'victim'), join(dir, 'index.json.new'));
    await issueOne(guard);
    expect(readFileSync(join(dir, 'victim'), 'utf8')).toBe('important');
    expect(lstatSync(join(dir, 'index.json')).isFile()).toBe(true);
  });

  it('without the key of its authority is damaged', async () => {
    const { dir, place, issueOne } = await folder(guard);
    rmSync(join(dir, 'authorities', '1.key'));
    await expect(issueOne('checkout/serve/1')).rejects.toMatchObject({
      code: 'pki-folder-damaged',
    });
    expect(await states(place)).toEqual([`${guard} current`]);
  });

  it('in which another command works is busy, and free when that one has ended', async () => {
    const { dir, place } = await folder(guard);
    const other = openPrivately(join(dir, 'lock'));
    other.exec('BEGIN EXCLUSIVE');
    await expect(revoke(place, guard)).rejects.toMatchObject({ code: 'pki-busy' });
    other.close();
    expect(await revoke(place, guard)).toHaveLength(1);
  });

  it('whose keys were moved to their machines goes on', async () => {
    const { dir, place, issueOne } = await folder(guard);
    renameSync(guardFile(dir, 'key'), join(dir, 'moved.key'));
    await issueOne('checkout/serve/1');
    await renew(place, { which: guard, days: 90 });
    expect(verified(dir, guardFile(dir, 'crt'))).toContain(': OK');
  });
});

describe('a command that is killed', () => {
  /** Every path of a folder with its content; `null`: there is none. */
  const contents = (dir: string) =>
    new Map(
      readdirSync(dir, { recursive: true, encoding: 'utf8' })
        .filter((name) => name !== 'lock' && statSync(join(dir, name)).isFile())
        .map((name) => [name, readFileSync(join(dir, name), 'utf8')]),
    );

  /** What must hold of a folder, however the command before it ended, once another has run. */
  async function expectWhole(place: { dir: string; nowWallMs: number }) {
    const { dir } = place;
    const { certificates } = await contentOf(place);
    const leftovers = readdirSync(join(dir, 'issued')).filter((name) => name.endsWith('.next'));
    expect(leftovers).toEqual([]);
    for (const { name, serial, files } of certificates) {
      if (files === null) continue;
      const certificate = new X509Certificate(readFileSync(files.certificate));
      expect(factsOf(certificate).serial, name).toBe(serial);
      const key = createPrivateKey(readFileSync(files.key));
      expect(certificate.checkPrivateKey(key), name).toBe(true);
      expect(verified(dir, files.certificate)).toContain(': OK');
    }
    const files = readdirSync(join(dir, 'issued')).filter((name) => name.endsWith('.crt'));
    const serials = new Set(certificates.map(({ serial }) => serial));
    for (const file of files) {
      const { serial } = factsOf(new X509Certificate(readFileSync(join(dir, 'issued', file))));
      expect(serials.has(serial), `${file} is in the index`).toBe(true);
    }
  }

  type Place = { readonly dir: string; readonly nowWallMs: number };
  const key = 'issued/checkout.guard.east.1.key';
  const crt = 'issued/checkout.guard.east.1.crt';
  const commands: readonly [string, (place: Place) => Promise<unknown>, readonly string[]][] = [
    [
      'renew',
      (place) => renew(place, { which: guard, days: 90 }),
      [`${key}.next`, 'index.json', 'crl.pem', key, crt],
    ],
    [
      'issue',
      (place) => issue(place, { name: nameOf('checkout/serve/2'), hosts: [], days: 90 }),
      [
        'issued/checkout.serve.2.key.next',
        'index.json',
        'crl.pem',
        'issued/checkout.serve.2.key',
        'issued/checkout.serve.2.crt',
      ],
    ],
    ['revoke', (place) => revoke(place, 'checkout/serve/1'), ['index.json', 'crl.pem']],
    ['rotate', rotate, ['authorities/2.key', 'index.json', 'trust.pem', 'crl.pem']],
  ];

  it.each(commands)(
    '%s, after each of its files: the next command completes or drops it',
    async (_, command, order) => {
      const { dir, place } = await folder(guard, 'checkout/serve/1');
      const before = contents(dir);
      await command(place);
      const after = contents(dir);
      for (const name of order) {
        // The key waits under another name until the index names its certificate.
        if (name.endsWith('.key.next')) after.set(name, after.get(name.slice(0, -5)) ?? '');
      }
      const changed = [...after]
        .filter(([name, text]) => before.get(name) !== text)
        .map(([name]) => name);
      expect([...changed].sort()).toEqual([...order].sort());
      for (let written = 0; written <= order.length; written += 1) {
        const half = { ...place, dir: directory() };
        const files = new Map(before);
        for (const name of order.slice(0, written)) {
          files.set(name, after.get(name) ?? '');
          // The rename takes the waiting key away.
          if (name.endsWith('.key')) files.delete(`${name}.next`);
        }
        for (const name of ['issued', 'authorities']) {
          mkdirSync(join(half.dir, name), { recursive: true });
        }
        for (const [name, text] of files) writeFileSync(join(half.dir, name), text);
        await issue(half, { name: nameOf('checkout/metrics/1'), hosts: [], days: 90 });
        await expectWhole(half);
      }
    },
  );

  it('init, before its index: the next init begins anew', async () => {
    const { dir, place } = await folder();
    for (const name of ['index.json', 'trust.pem', 'crl.pem', 'issued']) {
      rmSync(join(dir, name), { recursive: true });
    }
    await initPki(place);
    await issue(place, { name: nameOf(guard), hosts: [], days: 90 });
    await expectWhole(place);
  });

  it('init, after its index: the next command writes the rest', async () => {
    const { dir, place, issueOne } = await folder();
    for (const name of ['trust.pem', 'crl.pem', 'issued'])
      rmSync(join(dir, name), { recursive: true });
    await issueOne(guard);
    await expectWhole(place);
  });
});
