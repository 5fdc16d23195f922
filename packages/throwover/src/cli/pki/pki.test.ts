import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { wholeFile } from '../../service/service.fixture.ts';
import { run, runJson } from '../terminal.fixture.ts';

let dir: string;
beforeEach(() => {
  const parent = mkdtempSync(join(tmpdir(), 'throwover-pki-cli-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  dir = join(parent, 'pki');
});

const pki = (command: string, ...rest: readonly string[]) =>
  run('pki', command, ...rest, '--dir', dir);
const pkiJson = (command: string, ...rest: readonly string[]) =>
  runJson('pki', command, ...rest, '--dir', dir);
const guard = ['--service', 'checkout', '--role', 'guard', '--region', 'east'] as const;
/** Dates change from day to day. */
const undated = (text: string) =>
  text.replaceAll(/\d{4}-\d\d-\d\d/g, 'YYYY-MM-DD').replaceAll(dir, 'DIR');

it('init, issue, renew, revoke and show, from the first to the last', async () => {
  expect(undated((await pki('init')).stdout)).toContain(
    'The authority is in DIR, valid until YYYY-MM-DD.\n',
  );
  expect(undated((await pki('issue', ...guard, '--host', 'guard.example')).stdout)).toBe(
    [
      'checkout/guard/east/1, valid until YYYY-MM-DD (90 days)',
      '  certificate  DIR/issued/checkout.guard.east.1.crt',
      '  key          DIR/issued/checkout.guard.east.1.key',
      'The machine also needs DIR/trust.pem and DIR/crl.pem.',
      '',
    ].join('\n'),
  );
  await pki('issue', '--service', 'checkout', '--role', 'serve', '--days', '7');
  expect((await pki('renew', '--all')).stdout).toContain('checkout/serve/1, valid until');
  expect((await pki('renew', '--all')).stdout).toBe('no certificate expires within 30 days\n');
  expect((await pki('revoke', 'checkout/guard/east/1')).stdout).toContain(
    'revoked checkout/guard/east/1',
  );
  const show = await pki('show');
  expect(show.code).toBe(0);
  expect(undated(show.stdout)).toBe(
    [
      'name                   not before  expires     days left  state',
      'authority 1            YYYY-MM-DD  YYYY-MM-DD  3650       issues',
      'checkout/guard/east/1  YYYY-MM-DD  YYYY-MM-DD  90         revoked',
      'checkout/serve/1       YYYY-MM-DD  YYYY-MM-DD  7          replaced',
      'checkout/serve/1       YYYY-MM-DD  YYYY-MM-DD  90         current',
      '',
    ].join('\n'),
  );
});

it('rotates: a new authority, every certificate renewed, then the old one ends', async () => {
  await pki('init');
  await pki('issue', ...guard);
  expect((await pki('rotate')).stdout).toContain('throwover pki renew --all');
  expect(await pkiJson('rotate', '--finish')).toMatchObject({
    code: 3,
    json: {
      error: { code: 'pki-authority-in-use', evidence: { names: ['checkout/guard/east/1'] } },
    },
  });
  await pki('renew', '--all');
  const { json } = await pkiJson('rotate', '--finish');
  expect(json.authorities.map(({ state }: { state: string }) => state)).toEqual([
    'retired',
    'issues',
  ]);
});

it('prints one JSON object with --json', async () => {
  expect((await pkiJson('init')).json).toMatchObject({
    dir,
    authorities: [{ number: 1, state: 'issues' }],
  });
  const { json } = await pkiJson('issue', ...guard, '--instance', 'b');
  expect(json.certificates).toMatchObject([
    {
      ...{ name: 'checkout/guard/east/b', authority: 1, daysLeft: 90, state: 'current' },
      ...{ serial: expect.stringMatching(/^[0-9A-F]+$/), notAfter: expect.stringContaining('T') },
      files: { key: join(dir, 'issued', 'checkout.guard.east.b.key') },
    },
  ]);
  const { serial } = json.certificates[0];
  expect((await pkiJson('revoke', serial)).json.certificates).toMatchObject([{ state: 'revoked' }]);
  expect((await pkiJson('show')).json.certificates).toMatchObject([{ serial, state: 'revoked' }]);
});

it('shows a trust file and a single certificate, also one of somebody else', async () => {
  await pki('init');
  await pki('issue', ...guard);
  expect((await run('pki', 'show', join(dir, 'trust.pem'))).stdout).toMatch(
    /CN=throwover authority 1 \([0-9a-f]{8}\) .* authority\n/,
  );
  const own = await runJson('pki', 'show', join(dir, 'issued', 'checkout.guard.east.1.crt'));
  expect(own.json.certificates).toMatchObject([
    { name: 'checkout/guard/east/1', state: 'machine' },
  ]);
  const theirs = join(dir, 'theirs.crt');
  const names = [
    '-subj',
    `/CN=${'a'.repeat(60)}`,
    '-keyout',
    join(dir, 'theirs.key'),
    '-out',
    theirs,
  ];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ED25519', '-nodes', '-days', '9', ...names],
    {
      stdio: 'pipe',
    },
  );
  const { stdout } = await run('pki', 'show', theirs);
  expect(stdout.split('\n')[1]).toBe(`CN=${'a'.repeat(60)}`);
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  const unnamed = ['-subj', '/', '-keyout', join(dir, 'theirs.key'), '-out', theirs];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ED25519', '-nodes', ...unnamed], {
    stdio: 'pipe',
  });
  expect((await run('pki', 'show', theirs)).stdout).toContain('(no subject)');
  expect(await runJson('pki', 'show', join(dir, 'theirs.key'))).toMatchObject({
    code: 2,
    json: { error: { code: 'certificate-files-wrong' } },
  });
});

it('the longest names stay within 80 columns', async () => {
  await pki('init');
  const long = [
    '--service',
    's'.repeat(63),
    '--region',
    'r'.repeat(31),
    '--instance',
    'i'.repeat(31),
  ];
  await pki('issue', ...long, '--role', 'gateway');
  const { stdout } = await pki('show');
  const lines = stdout.split('\n').filter((line) => !line.startsWith('sss'));
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

it.each([
  [['issue', '--role', 'guard'], 'usage-wrong'],
  [['issue', '--service', 'checkout', '--role', 'root'], 'usage-wrong'],
  [['issue', '--service', 'checkout', '--role', 'guard'], 'pki-name-wrong'],
  [['issue', '--service', 'checkout', '--role', 'serve', '--region', 'east'], 'pki-name-wrong'],
  [['issue', '--service', 'Check Out', '--role', 'serve'], 'pki-name-wrong'],
  [['issue', '--service', '../../etc', '--role', 'serve'], 'pki-name-wrong'],
  [['issue', ...guard, '--instance', '..'], 'pki-name-wrong'],
  [['issue', ...guard, '--days', '0'], 'usage-wrong'],
  [['issue', ...guard, '--days', '826'], 'usage-wrong'],
  [['issue', ...guard, '--host', 'a b'], 'usage-wrong'],
  [['renew'], 'usage-wrong'],
  [['renew', 'checkout/guard/east/1', '--all'], 'usage-wrong'],
  [['renew', 'checkout/guard/east/1'], 'pki-name-unknown'],
  [['revoke', 'ff'], 'pki-name-unknown'],
  [['init'], 'pki-folder-taken'],
])('%j is refused with exit code 2', async (command, code) => {
  await pki('init');
  const before = readFileSync(join(dir, 'index.json'), 'utf8');
  const [name = '', ...rest] = command;
  const refused = await pkiJson(name, ...rest);
  expect(refused).toMatchObject({ code: 2, json: { error: { code } } });
  expect(readFileSync(join(dir, 'index.json'), 'utf8')).toBe(before);
});

it('issues a certificate for every machine of a throwover.yaml, and later only for new ones', async () => {
  const file = join(dir, '..', 'throwover.yaml');
  writeFileSync(file, wholeFile);
  const named = (answer: { certificates: readonly { name: string }[] }) =>
    answer.certificates.map(({ name }) => name);
  const first = await pkiJson('init', '--for', file);
  expect(named(first.json)).toEqual([
    'checkout/serve/1',
    'checkout/controller/1',
    ...['east', 'west'].flatMap((region) =>
      ['guard', 'door', 'gateway'].map((role) => `checkout/${role}/${region}/1`),
    ),
  ]);
  expect(named((await pkiJson('issue', '--for', file)).json)).toEqual([]);
  await pki('revoke', 'checkout/guard/west/1');
  writeFileSync(file, wholeFile.replaceAll(/\bwest\b/g, 'north'));
  // Nobody gets back what was revoked.
  expect(named((await pkiJson('issue', '--for', file)).json)).toEqual(
    ['guard', 'door', 'gateway'].map((role) => `checkout/${role}/north/1`),
  );
});

it('a throwover.yaml that is wrong is refused before there is an authority', async () => {
  const file = join(dir, '..', 'throwover.yaml');
  writeFileSync(file, 'version: 2\n');
  expect((await pki('init', '--for', file)).code).not.toBe(0);
  expect(existsSync(dir)).toBe(false);
});

it('issue needs a machine or a file', async () => {
  await pki('init');
  expect((await pki('issue', '--service', 'checkout')).stderr).toContain('usage-wrong');
});
