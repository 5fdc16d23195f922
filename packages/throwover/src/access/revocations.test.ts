import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { anchorOf, factsOf } from './certificate.ts';
import { forAuthority, forMachine, type Made, Openssl } from './openssl.fixture.ts';
import { pemBlocks } from './pem.ts';
import { type RevocationList, revocationListOf } from './revocations.ts';

/** Lists that openssl signs, of a team's own authority: they share no code with ours. */
let openssl: Openssl;
let authority: Made;
beforeAll(() => {
  openssl = new Openssl();
  authority = openssl.make({ subject: '/CN=team', extensions: forAuthority, days: 365 });
});
afterAll(() => openssl.remove());

let count = 0;
function listOf(options: {
  readonly by?: Made;
  readonly revoked?: readonly Made[];
  /** Lines of openssl's database of certificates, in place of `revoked`. */
  readonly database?: string;
  readonly digest?: string;
  readonly extensions?: readonly string[];
}): Buffer {
  const { by = authority, revoked = [], database = '', digest = 'sha256' } = options;
  count += 1;
  const file = (name: string) => join(openssl.dir, `list-${count}.${name}`);
  writeFileSync(file('db'), database);
  writeFileSync(file('number'), '01\n');
  const settings = [
    `database=${file('db')}`,
    `crlnumber=${file('number')}`,
    `default_md=${digest}`,
    'default_crl_days=30',
    `certificate=${by.certificateFile}`,
    `private_key=${by.keyFile}`,
    'crl_extensions=ext',
  ];
  const extensions = ['authorityKeyIdentifier=keyid', ...(options.extensions ?? [])];
  writeFileSync(
    file('cnf'),
    ['[ca]', 'default_ca=d', '[d]', ...settings, '[ext]', ...extensions, ''].join('\n'),
  );
  for (const { certificateFile } of revoked) {
    openssl.run('ca', '-config', file('cnf'), '-revoke', certificateFile);
  }
  openssl.run('ca', '-config', file('cnf'), '-gencrl', '-out', file('crl'));
  const text = openssl.run('crl', '-in', file('crl'));
  return pemBlocks(text, 'X509 CRL')[0] ?? Buffer.alloc(0);
}

const read = (der: Uint8Array, ...anchors: readonly Made[]): RevocationList =>
  revocationListOf(
    der,
    (anchors.length === 0 ? [authority] : anchors).map(({ certificate }) => anchorOf(certificate)),
  );

it('a list of openssl is read: serial numbers as certificates have them, dates, issuer', () => {
  const serials = ['01', '80', '7fffffffffffffffff', 'ffffffffffffffffffff'];
  const made = serials.map((serial) =>
    openssl.make({
      by: authority,
      extensions: forMachine('throwover://checkout/serve/1'),
      options: ['-set_serial', `0x${serial}`],
    }),
  );
  const list = read(listOf({ revoked: made }));
  expect([...list.serials].sort()).toEqual(
    made.map(({ certificate }) => factsOf(certificate).serial).sort(),
  );
  expect([...list.serials].sort()).toEqual(serials.map((one) => one.toUpperCase()).sort());
  expect(list.issuer).toBe(anchorOf(authority.certificate).keyId);
  expect((list.nextUpdateMs ?? 0) - list.thisUpdateMs).toBe(30 * 86_400_000);
});

it.each(['P-384', 'Ed25519', 'RSA 2048'] as const)('may be signed with a key of %s', (key) => {
  const by = openssl.make({ subject: '/CN=other', extensions: forAuthority, key });
  const digest = key === 'Ed25519' ? 'default' : 'sha384';
  expect(read(listOf({ by, digest }), authority, by).issuer).toBe(anchorOf(by.certificate).keyId);
});

it('of a foreign authority with the same subject is refused', () => {
  const foreign = openssl.make({ subject: '/CN=team', extensions: forAuthority });
  expect(() => read(listOf({ by: foreign }))).toThrow(/no trusted authority has signed it/);
});

it('of an authority that may not sign lists is refused', () => {
  const by = openssl.make({
    subject: '/CN=no lists',
    extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'],
  });
  expect(() => read(listOf({ by }), by)).toThrow(/no trusted authority has signed it/);
});

it.each([
  ['Ed25519', 'P-256'],
  ['P-256', 'Ed25519'],
  ['RSA 2048', 'Ed25519'],
] as const)('beside an authority with a key of %s may be signed with one of %s', (first, key) => {
  const other = openssl.make({ subject: '/CN=first', extensions: forAuthority, key: first });
  const by = openssl.make({ subject: '/CN=second', extensions: forAuthority, key });
  expect(read(listOf({ by }), other, by).serials.size).toBe(0);
});

it('with a serial number of more than 20 octets is refused', () => {
  const database = (octets: number) =>
    `R\t300101000000Z\t260101000000Z\t${'7F'.repeat(octets)}\tunknown\t/CN=a\n`;
  expect([...read(listOf({ database: database(20) })).serials]).toEqual(['7F'.repeat(20)]);
  expect(() => read(listOf({ database: database(21) }))).toThrow(/more than 20 octets/);
});

it('with SHA-1 is refused', () => {
  expect(() => read(listOf({ digest: 'sha1' }))).toThrow(/signature algorithm .* is not accepted/);
});

it('that speaks for other issuers too is refused: its entries could be anybody’s', () => {
  const extensions = ['issuingDistributionPoint=critical,@idp', '[idp]', 'indirectCRL=TRUE'];
  expect(() => read(listOf({ extensions }))).toThrow(/critical extension 2\.5\.29\.28/);
});

it('that only adds to an earlier list is refused as such, so that nobody takes it for the whole', () => {
  const extensions = ['2.5.29.27=critical,ASN1:INTEGER:1'];
  expect(() => read(listOf({ extensions }))).toThrow(/critical extension 2\.5\.29\.27/);
});

it('of 10,000 entries with their reasons is read, of one more it is refused', () => {
  const database = (length: number) =>
    Array.from({ length }, (_, index) => {
      const serial = (0x1000_0000 + index).toString(16).toUpperCase();
      return `R\t360101000000Z\t260101000000Z,keyCompromise\t${serial}\tunknown\t/CN=a\n`;
    }).join('');
  expect(read(listOf({ database: database(10_000) })).serials.size).toBe(10_000);
  expect(() => read(listOf({ database: database(10_001) }))).toThrow(/10001 entries, more than/);
});

it.each(['', 'garbage', '30800000'])('%j is no list', (hex) => {
  expect(() => read(Buffer.from(hex, 'hex'))).toThrow();
});
