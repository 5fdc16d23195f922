import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate, TBSCertificate } from '@peculiar/asn1-x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Anchor, anchorOf, factsOf, keyIdOf } from './certificate.ts';
import { type Judgement, judge, type Standards } from './judge.ts';
import { forAuthority, forMachine, type KeyKind, type Made, Openssl } from './openssl.fixture.ts';

const guard = 'throwover://checkout/guard/east/1';
const dayMs = 86_400_000;

let openssl: Openssl;
let authority: Made;
let right: Made;
beforeAll(() => {
  openssl = new Openssl();
  authority = openssl.make({ subject: '/CN=team', extensions: forAuthority, days: 3650 });
  right = openssl.make({ by: authority, extensions: forMachine(guard) });
});
afterAll(() => openssl.remove());

const make = (...extensions: readonly string[]) => openssl.make({ by: authority, extensions });

/** Read once: one test judges 5,000 times. */
const anchorsRead = new Map<Made, Anchor>();
function anchorFor(made: Made): Anchor {
  const anchor = anchorsRead.get(made) ?? anchorOf(made.certificate);
  anchorsRead.set(made, anchor);
  return anchor;
}

/** Judged a day after it was issued, unless a test says otherwise. */
function judged(
  der: Uint8Array | null,
  {
    anchors = [authority],
    ...others
  }: Partial<Omit<Standards, 'anchors'>> & { anchors?: readonly Made[] } = {},
): Judgement {
  return judge(der, {
    anchors: anchors.map(anchorFor),
    service: 'checkout',
    peerIs: 'client',
    isRevoked: () => false,
    newestOf: () => null,
    nowWallMs: factsOf(right.certificate).notBeforeMs + dayMs,
    ...others,
  });
}

/** Returns the bytes that a certificate's signature covers. */
function bodyOf({ der }: Made): Buffer {
  return Buffer.from(AsnConvert.parse(der, Certificate).tbsCertificateRaw ?? new ArrayBuffer());
}

/** Returns a certificate that the authority has signed, with this body. */
function signedAgain(body: Uint8Array | ArrayBuffer): Buffer {
  const bytes = Buffer.from(new Uint8Array(body));
  const key = createPrivateKey(readFileSync(authority.keyFile));
  const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
  return tlv(0x30, bytes, algorithm, tlv(0x03, Buffer.from([0]), sign('sha256', bytes, key)));
}

/** Returns an ASN.1 value: its tag, its length, its content. */
function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

/** `valid`, or the reason of a refusal: short enough for a table. */
function outcome(judgement: Judgement): string {
  return judgement.state === 'refused' ? judgement.reason : judgement.state;
}

describe('the right certificate', () => {
  it('is valid, with its name, serial number and dates', () => {
    const facts = factsOf(right.certificate);
    expect(judged(right.der)).toEqual({
      state: 'valid',
      name: { service: 'checkout', role: 'guard', region: 'east', instance: '1' },
      certificate: facts,
      issuer: keyIdOf(authority.certificate.publicKey),
      said: null,
    });
    expect(facts.serial).toBe(right.certificate.serialNumber);
    expect(facts.fingerprint).toBe(
      right.certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    );
    expect(new Date(facts.notAfterMs)).toEqual(new Date(right.certificate.validTo));
  });

  it('is valid for a server, and for a process of several services', () => {
    expect(outcome(judged(right.der, { peerIs: 'server' }))).toBe('valid');
    expect(outcome(judged(right.der, { service: null }))).toBe('valid');
  });

  it('may have DNS names and addresses too, and URIs of other systems', () => {
    const made = make(
      ...forMachine(),
      `subjectAltName=DNS:guard.example,IP:192.0.2.1,URI:spiffe://example/a,URI:${guard}`,
    );
    expect(outcome(judged(made.der))).toBe('valid');
  });

  it('needs no key usage, extended key usage or authority key identifier', () => {
    const made = make(`subjectAltName=URI:${guard}`, 'authorityKeyIdentifier=none');
    expect(outcome(judged(made.der))).toBe('valid');
  });

  it.each<KeyKind>(['P-256', 'P-384', 'Ed25519', 'RSA 2048'])('may have a key of %s', (key) => {
    const made = openssl.make({ by: authority, extensions: forMachine(guard), key });
    expect(outcome(judged(made.der))).toBe('valid');
  });

  it.each<[KeyKind, string]>([
    ['P-384', 'sha384'],
    ['RSA 2048', 'sha512'],
    ['Ed25519', 'sha256'],
  ])('may come from an authority with a key of %s', (key, digest) => {
    const by = openssl.make({ subject: '/CN=other', extensions: forAuthority, key });
    const made = openssl.make({ by, extensions: forMachine(guard), digest });
    expect(outcome(judged(made.der, { anchors: [authority, by] }))).toBe('valid');
  });
});

describe('the issuer', () => {
  it('must be there', () => {
    expect(outcome(judged(null))).toBe('no-certificate');
    expect(outcome(judged(right.der, { anchors: [] }))).toBe('foreign-issuer');
  });

  it('a foreign authority with the same subject is refused, whether it says so or not', () => {
    const foreign = openssl.make({ subject: '/CN=team', extensions: forAuthority });
    const made = openssl.make({ by: foreign, extensions: forMachine(guard) });
    expect(outcome(judged(made.der))).toBe('foreign-issuer');
    const silent = openssl.make({
      by: foreign,
      extensions: [...forMachine(guard), 'authorityKeyIdentifier=none'],
    });
    expect(outcome(judged(silent.der))).toBe('bad-signature');
  });

  it('an expired certificate of a foreign authority with the same subject is foreign, not expired', () => {
    const foreign = openssl.make({ subject: '/CN=team', extensions: forAuthority });
    const silent = openssl.make({
      by: foreign,
      extensions: [...forMachine(guard), 'authorityKeyIdentifier=none'],
    });
    const nowWallMs = factsOf(silent.certificate).notAfterMs + dayMs;
    expect(outcome(judged(silent.der, { nowWallMs }))).toBe('bad-signature');
  });

  it('one that signed itself is foreign, also when it has expired', () => {
    const made = openssl.make({ extensions: forMachine(guard) });
    expect(outcome(judged(made.der))).toBe('foreign-issuer');
    const nowWallMs = factsOf(made.certificate).notAfterMs + dayMs;
    expect(outcome(judged(made.der, { nowWallMs }))).toBe('foreign-issuer');
  });

  it('a machine cannot issue: not by itself, and not as an anchor', () => {
    const made = openssl.make({ by: right, extensions: forMachine(guard) });
    expect(outcome(judged(made.der))).toBe('foreign-issuer');
    expect(outcome(judged(made.der, { anchors: [authority, right] }))).toBe('foreign-issuer');
  });

  it('an intermediate authority does not count: it must stand among the anchors itself', () => {
    const between = openssl.make({
      subject: '/CN=between',
      by: authority,
      extensions: forAuthority,
    });
    const made = openssl.make({ by: between, extensions: forMachine(guard) });
    expect(outcome(judged(made.der))).toBe('foreign-issuer');
    expect(outcome(judged(made.der, { anchors: [between] }))).toBe('valid');
  });

  it.each([
    ['says CA:FALSE', ['basicConstraints=critical,CA:FALSE'], 'P-256'],
    ['says nothing of CA', ['subjectKeyIdentifier=hash'], 'P-256'],
    [
      'may not sign certificates',
      ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'],
      'P-256',
    ],
    ['is for signed code', [...forAuthority, 'extendedKeyUsage=codeSigning'], 'P-256'],
    ['is for servers only', [...forAuthority, 'extendedKeyUsage=serverAuth'], 'P-256'],
    [
      'is limited to names',
      [...forAuthority, 'nameConstraints=critical,permitted;DNS:example'],
      'P-256',
    ],
    ['has a weak key', forAuthority, 'RSA 1024'],
  ] as const)('an anchor that %s issues nothing', (_, extensions, key) => {
    const by = openssl.make({ subject: '/CN=odd', extensions, key });
    const made = openssl.make({ by, extensions: forMachine(guard) });
    expect(outcome(judged(made.der, { anchors: [by] }))).toBe('foreign-issuer');
  });
});

describe('the signature', () => {
  it('no bit of a certificate can be turned', () => {
    const accepted: number[] = [];
    const reasons = new Set<string>();
    for (let bit = 0; bit < right.der.length * 8; bit += 1) {
      const turned = Buffer.from(right.der);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const judgement = judged(turned);
      if (judgement.state === 'refused') reasons.add(judgement.reason);
      else accepted.push(bit);
    }
    expect(accepted).toEqual([]);
    expect([...reasons].sort()).toEqual(['bad-signature', 'foreign-issuer', 'unreadable']);
  });

  it('of the body of another certificate does not count', () => {
    const other = make(...forMachine('throwover://checkout/serve/1'));
    const body = other.der.subarray(0, -72);
    expect(outcome(judged(Buffer.concat([body, right.der.subarray(-72)])))).not.toBe('valid');
  });

  it.each([
    ['sha1', 'weak-signature'],
    ['sha224', 'weak-signature'],
    ['sha384', 'valid'],
  ])('with %s is %s', (digest, expected) => {
    const made = openssl.make({ by: authority, extensions: forMachine(guard), digest });
    expect(outcome(judged(made.der))).toBe(expected);
  });

  it('of RSA-PSS is not accepted: its hash stands in parameters', () => {
    const by = openssl.make({ subject: '/CN=rsa', extensions: forAuthority, key: 'RSA 2048' });
    const pss = ['-sigopt', 'rsa_padding_mode:pss'];
    const made = openssl.make({ by, extensions: forMachine(guard), options: pss });
    expect(outcome(judged(made.der, { anchors: [by] }))).toBe('weak-signature');
  });
});

describe('what can be read', () => {
  it.each([
    ['nothing', () => Buffer.alloc(0)],
    ['garbage', () => Buffer.from('not a certificate')],
    ['PEM', () => Buffer.from(right.certificate.toString())],
    ['one that was cut off', () => right.der.subarray(0, -1)],
    ['bytes behind it', () => Buffer.concat([right.der, Buffer.from([0])])],
    ['two of them', () => Buffer.concat([right.der, right.der])],
  ])('%s is unreadable', (_, der) => {
    expect(outcome(judged(der()))).toBe('unreadable');
  });

  it('one of more than 16 KB is not read at all', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `DNS:name-${index}.example`);
    const made = make(...forMachine(), `subjectAltName=URI:${guard},${names.join(',')}`);
    expect(made.der.length).toBeGreaterThan(16 * 1024);
    expect(outcome(judged(made.der))).toBe('unreadable');
  });

  it.each([
    ['without seconds', '2601010000Z'],
    ['in hour 25', '260101250000Z'],
    ['on 30 February', '260230000000Z'],
    ['with an offset', '260101000000+0100'],
    ['in month 13', '261301000000Z'],
    ['of letters', 'yesterdayabcZ'],
  ])('a date %s is refused, also when the authority has signed it', (_, date) => {
    const body = bodyOf(right);
    const at = body.indexOf(Buffer.from('170d', 'hex'));
    const dates = [tlv(0x17, Buffer.from(date)), body.subarray(at + 15, at + 30)];
    const rest = [body.subarray(4, at - 2), tlv(0x30, ...dates), body.subarray(at + 30)];
    expect(outcome(judged(signedAgain(tlv(0x30, ...rest))))).toBe('unreadable');
  });
});

describe('the form', () => {
  it('an authority is no machine, also with the name of one', () => {
    expect(outcome(judged(authority.der))).toBe('not-for-machines');
    const made = make('basicConstraints=critical,CA:TRUE', `subjectAltName=URI:${guard}`);
    expect(outcome(judged(made.der))).toBe('not-for-machines');
  });

  it.each<KeyKind>(['RSA 1024', 'RSA 2048 e=3', 'P-224', 'P-521', 'secp256k1', 'Ed448'])(
    'a key of %s is weak, or of a kind that is not accepted',
    (key) => {
      const made = openssl.make({ by: authority, extensions: forMachine(guard), key });
      expect(outcome(judged(made.der))).toBe('weak-key');
    },
  );

  it.each([
    ['extendedKeyUsage=serverAuth', 'not-for-machines', 'valid'],
    ['extendedKeyUsage=clientAuth', 'valid', 'not-for-machines'],
    ['extendedKeyUsage=codeSigning', 'not-for-machines', 'not-for-machines'],
    ['extendedKeyUsage=anyExtendedKeyUsage', 'not-for-machines', 'not-for-machines'],
    ['keyUsage=critical,keyEncipherment', 'not-for-machines', 'not-for-machines'],
    ['keyUsage=critical,digitalSignature,keyEncipherment', 'valid', 'valid'],
    ['1.2.3.4=critical,ASN1:NULL', 'not-for-machines', 'not-for-machines'],
    ['1.2.3.4=ASN1:NULL', 'valid', 'valid'],
  ])('with %s a client is %s and a server %s', (extension, client, server) => {
    const made = make(extension, `subjectAltName=URI:${guard}`);
    expect(outcome(judged(made.der, { peerIs: 'client' }))).toBe(client);
    expect(outcome(judged(made.der, { peerIs: 'server' }))).toBe(server);
  });
});

describe('the name', () => {
  /** A subjectAltName with one URI of these bytes, which a configuration could not hold. */
  const rawUri = (bytes: string) => {
    const text = Buffer.from(bytes, 'latin1');
    const uri = Buffer.concat([Buffer.from([0x86, text.length]), text]);
    return `subjectAltName=DER:30${Buffer.from([uri.length]).toString('hex')}${uri.toString('hex')}`;
  };

  it.each([
    ['in the subject only', () => [], 'name-missing'],
    [
      'of another system',
      () => ['subjectAltName=URI:spiffe://checkout/guard/east/1'],
      'name-missing',
    ],
    ['as a DNS name', () => ['subjectAltName=DNS:throwover.checkout.guard.east.1'], 'name-missing'],
    ['as an e-mail address', () => ['subjectAltName=email:throwover@checkout'], 'name-missing'],
    ['twice', () => [`subjectAltName=URI:${guard},URI:throwover://checkout/serve/1`], 'name-wrong'],
    ['twice the same', () => [`subjectAltName=URI:${guard},URI:${guard}`], 'name-wrong'],
    [
      'and a second one that is not well-formed',
      () => [`subjectAltName=URI:${guard},URI:Throwover:x`],
      'name-wrong',
    ],
    ['in capitals', () => ['subjectAltName=URI:THROWOVER://checkout/guard/east/1'], 'name-wrong'],
    [
      'with percent signs',
      () => ['subjectAltName=URI:throwover://checkout/guard/e%61st/1'],
      'name-wrong',
    ],
    ['with a zero byte', () => [rawUri(`${guard}\0`)], 'name-wrong'],
    ['with a line break', () => [rawUri(`${guard}\n`)], 'name-wrong'],
    [
      'with a comma that looks like a second name',
      () => [rawUri(`${guard}, URI:throwover://x/serve/1`)],
      'name-wrong',
    ],
    [
      'with a letter of another alphabet',
      () => [rawUri('throwover://checkout/guard/\u00e9ast/1')],
      'name-wrong',
    ],
    [
      'of another service',
      () => ['subjectAltName=URI:throwover://billing/guard/east/1'],
      'other-service',
    ],
    [
      'of a service that begins alike',
      () => ['subjectAltName=URI:throwover://checkout2/guard/east/1'],
      'other-service',
    ],
  ])('%s: %s', (_, names, expected) => {
    const made = openssl.make({
      subject: `/CN=${guard.replaceAll('/', '\\/')}`,
      by: authority,
      extensions: [...forMachine(), ...names()],
    });
    expect(outcome(judged(made.der))).toBe(expected);
  });

  it('in two extensions: two readers may take a different one', () => {
    const body = AsnConvert.parse(bodyOf(right), TBSCertificate);
    body.extensions?.push(...body.extensions.filter(({ extnID }) => extnID === '2.5.29.17'));
    expect(judged(signedAgain(AsnConvert.serialize(body))).state).toBe('refused');
  });

  it('what a certificate says of itself is told as text', () => {
    const made = make(...forMachine(), rawUri('throwover://\u001b[2Jx'));
    const judgement = judged(made.der);
    expect(judgement).toMatchObject({ reason: 'name-wrong' });
    expect(JSON.stringify(judgement)).not.toContain('\u001b');
  });

  it('another region or role is valid: the caller decides who may call', () => {
    const made = make(...forMachine('throwover://checkout/gateway/west/2'));
    expect(judged(made.der)).toMatchObject({
      state: 'valid',
      name: { role: 'gateway', region: 'west' },
    });
  });
});

describe('revoked and superseded (J3)', () => {
  const facts = () => factsOf(right.certificate);

  it('a revocation counts for its issuer and serial number only', () => {
    const issuer = keyIdOf(authority.certificate.publicKey);
    const revoked = (by: string, serial: string) =>
      outcome(judged(right.der, { isRevoked: (one, other) => one === by && other === serial }));
    expect(revoked(issuer, facts().serial)).toBe('revoked');
    expect(revoked('another', facts().serial)).toBe('valid');
    expect(revoked(issuer, `${facts().serial}0`)).toBe('valid');
  });

  it('one that is older than the newest for its name is superseded; of the same second it is not', () => {
    const newest = (notBeforeMs: number) =>
      outcome(judged(right.der, { newestOf: () => ({ notBeforeMs, serial: 'AB' }) }));
    expect(newest(facts().notBeforeMs + 1_000)).toBe('superseded');
    expect(newest(facts().notBeforeMs)).toBe('valid');
    expect(newest(facts().notBeforeMs - 1_000)).toBe('valid');
  });

  it('only the newest of the same name counts', () => {
    const asked: string[] = [];
    judged(right.der, {
      newestOf: (name) => {
        asked.push(name);
        return null;
      },
    });
    expect(asked).toEqual([guard]);
  });

  it('stays refused when it has expired, and before it begins', () => {
    for (const nowWallMs of [facts().notAfterMs + dayMs, facts().notBeforeMs - dayMs]) {
      expect(outcome(judged(right.der, { nowWallMs, isRevoked: () => true }))).toBe('revoked');
      const newestOf = () => ({ notBeforeMs: facts().notBeforeMs + 1_000, serial: 'AB' });
      expect(judged(right.der, { nowWallMs, newestOf })).toMatchObject({
        reason: 'superseded',
        said: expect.stringContaining('throwover pki revoke AB'),
      });
      expect(outcome(judged(right.der, { nowWallMs, service: 'billing' }))).toBe('other-service');
    }
  });
});

describe('time (J2)', () => {
  const facts = () => factsOf(right.certificate);
  const at = (nowWallMs: number) => judged(right.der, { nowWallMs });

  it('expired and not yet valid still tell the name, and why', () => {
    const name = { service: 'checkout', role: 'guard', region: 'east', instance: '1' };
    expect(at(facts().notAfterMs + 1)).toMatchObject({ state: 'expired', name });
    expect(at(facts().notBeforeMs - 1)).toMatchObject({ state: 'not-yet-valid', name });
    expect(at(facts().notAfterMs + 1)).toMatchObject({
      said: expect.stringMatching(/^its certificate expired at 20/),
    });
    expect(outcome(at(facts().notAfterMs))).toBe('valid');
    expect(outcome(at(facts().notBeforeMs))).toBe('valid');
  });

  it('an authority that has expired, or does not count yet, is the same state', () => {
    const short = openssl.make({ subject: '/CN=short', extensions: forAuthority, days: 5 });
    const made = openssl.make({ by: short, extensions: forMachine(guard) });
    const anchors = [short];
    const end = factsOf(short.certificate).notAfterMs;
    expect(judged(made.der, { anchors, nowWallMs: end + 1 })).toMatchObject({
      state: 'expired',
      said: expect.stringMatching(/^its authority’s certificate expired at 20/),
    });
    expect(outcome(judged(made.der, { anchors, nowWallMs: end }))).toBe('valid');
  });

  it('an authority renewed with the same key makes its machines valid again', () => {
    const short = openssl.make({ subject: '/CN=short', extensions: forAuthority, days: 5 });
    const made = openssl.make({ by: short, extensions: forMachine(guard) });
    const renewed = openssl.make({
      subject: '/CN=short',
      extensions: forAuthority,
      days: 50,
      keyOf: short,
    });
    const nowWallMs = factsOf(short.certificate).notAfterMs + dayMs;
    expect(outcome(judged(made.der, { anchors: [short, renewed], nowWallMs }))).toBe('valid');
    expect(outcome(judged(made.der, { anchors: [short], nowWallMs }))).toBe('expired');
  });

  it('a clock that is off by years refuses nothing', () => {
    for (const years of [-50, 50]) {
      expect(at(facts().notBeforeMs + years * 365 * dayMs).state).not.toBe('refused');
    }
  });
});

it('an ECDSA signature has a second form: it is the same certificate, with the same serial number', () => {
  // s -> n - s: who changes it so cannot escape a revocation, which goes by issuer and serial number.
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const integer = (value: bigint) => {
    const hex = value.toString(16);
    const even = hex.length % 2 === 1 ? `0${hex}` : hex;
    return tlv(0x02, Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, 'hex'));
  };
  const { signatureValue } = AsnConvert.parse(right.der, Certificate);
  const signature = Buffer.from(signatureValue);
  const rLength = signature[3] ?? 0;
  const r = BigInt(`0x${signature.subarray(4, 4 + rLength).toString('hex')}`);
  const s = BigInt(`0x${signature.subarray(6 + rLength).toString('hex')}`);
  const turned = tlv(0x03, Buffer.from([0]), tlv(0x30, integer(r), integer(n - s)));
  const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
  const other = new X509Certificate(tlv(0x30, bodyOf(right), algorithm, turned));
  expect(other.fingerprint256).not.toBe(right.certificate.fingerprint256);
  expect(outcome(judged(other.raw))).toBe('valid');
  const { serial } = factsOf(right.certificate);
  expect(outcome(judged(other.raw, { isRevoked: (_, one) => one === serial }))).toBe('revoked');
});
