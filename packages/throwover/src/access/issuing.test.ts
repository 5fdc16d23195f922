import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anchorOf, factsOf } from './certificate.ts';
import { issueMachine, newAuthority, newRevocations, notBeforeOf } from './issuing.ts';
import { judge } from './judge.ts';
import { checkedName, type MachineName } from './names.ts';
import { Openssl } from './openssl.fixture.ts';
import { pemBlocks } from './pem.ts';
import { revocationListOf } from './revocations.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** 2026-01-01T00:00:00.500Z */
const nowWallMs = 1_767_225_600_500;

const name = checkedName({ service: 'checkout', role: 'guard', region: 'east', instance: '1' });
if (name === null) throw new Error('not a name');

let openssl: Openssl;
beforeAll(() => {
  openssl = new Openssl();
});
afterAll(() => openssl.remove());

/** Writes a file beside openssl's own, and returns its path. */
function file(name: string, text: string): string {
  const path = join(openssl.dir, name);
  writeFileSync(path, text);
  return path;
}

function issued(
  options: { nowWallMs?: number; hosts?: readonly string[]; name?: MachineName } = {},
) {
  const now = options.nowWallMs ?? nowWallMs;
  const authority = newAuthority({ number: 1, nowWallMs: now });
  const machine = issueMachine({
    authority,
    name: options.name ?? (name as MachineName),
    hosts: options.hosts ?? [],
    notBeforeMs: notBeforeOf(null, now),
    notAfterMs: now + 90 * dayMs,
  });
  return { authority, machine };
}

describe('openssl takes what is issued', () => {
  const at = (ms: number) => ['-attime', String(Math.floor(ms / 1000))];

  it('certificates, as strict as it can be', () => {
    const { authority, machine } = issued({ hosts: ['guard.example', '192.0.2.1', '2001:db8::1'] });
    const trust = file('trust.pem', authority.certificate);
    const leaf = file('leaf.pem', machine.certificate);
    for (const purpose of ['sslclient', 'sslserver']) {
      const verify = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', trust];
      expect(openssl.run(...verify, ...at(nowWallMs), leaf)).toContain(': OK');
      expect(() => openssl.run(...verify, ...at(nowWallMs + 91 * dayMs), leaf)).toThrow(/expired/);
    }
    const text = openssl.run('x509', '-in', leaf, '-noout', '-text');
    expect(text).toContain('Not Before: Dec 31 23:00:00 2025 GMT');
    expect(text).toContain('Not After : Apr  1 00:00:00 2026 GMT');
    expect(text).toContain('X509v3 Basic Constraints: critical\n                CA:FALSE');
    expect(text).toContain(
      'URI:throwover://checkout/guard/east/1, DNS:guard.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1',
    );
    expect(openssl.run('x509', '-in', trust, '-noout', '-text')).toContain(
      'X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0',
    );
  });

  it('lists of revocations, and it refuses what stands there', () => {
    const { authority, machine } = issued();
    const { serial } = factsOf(new X509Certificate(machine.certificate));
    const trust = file('trust.pem', authority.certificate);
    const leaf = file('leaf.pem', machine.certificate);
    const verified = (serials: readonly string[]) => {
      const revoked = serials.map((one) => ({ serial: one, revokedMs: nowWallMs }));
      const list = newRevocations({ authority, revoked, nowWallMs, number: 7 });
      const crl = file('crl.pem', list);
      expect(openssl.run('crl', '-in', crl, '-noout', '-text', '-CAfile', trust)).toContain('7');
      const verify = ['verify', '-x509_strict', '-crl_check', '-CAfile', trust, '-CRLfile', crl];
      return openssl.run(...verify, ...at(nowWallMs), leaf);
    };
    expect(verified([])).toContain(': OK');
    expect(verified(['01', 'FF00'])).toContain(': OK');
    expect(() => verified(['01', serial])).toThrow(/revoked/);
  });

  it('keys, which belong to the certificates', () => {
    const { machine } = issued();
    expect(openssl.run('pkey', '-in', file('leaf.key', machine.key), '-noout', '-check')).toContain(
      'Key is valid',
    );
    const certificate = new X509Certificate(machine.certificate);
    expect(certificate.checkPrivateKey(createPrivateKey(machine.key))).toBe(true);
  });

  it('after 2050 too, when certificates write their dates differently', () => {
    const later = Date.UTC(2049, 6, 1);
    const { authority, machine } = issued({ nowWallMs: later });
    const verify = ['verify', '-x509_strict', '-CAfile', file('trust.pem', authority.certificate)];
    const leaf = file('leaf.pem', machine.certificate);
    expect(openssl.run(...verify, ...at(later), leaf)).toContain(': OK');
    const { notAfterMs } = factsOf(new X509Certificate(authority.certificate));
    expect(notAfterMs).toBe(later + 3_650 * dayMs);
  });
});

it('the longest name is issued, and judged right', () => {
  const longest = checkedName({
    ...{ service: 's'.repeat(63), role: 'gateway', region: 'r'.repeat(31) },
    instance: 'i'.repeat(31),
  });
  if (longest === null) throw new Error('not a name');
  const { authority, machine } = issued({ name: longest });
  const judgement = judge(new X509Certificate(machine.certificate).raw, {
    anchors: [anchorOf(new X509Certificate(authority.certificate))],
    ...{ service: longest.service, peerIs: 'server', nowWallMs },
    isRevoked: () => false,
    newestOf: () => null,
  });
  expect(judgement).toMatchObject({ state: 'valid', name: longest });
});

it('a certificate ends with its authority at the latest', () => {
  const authority = newAuthority({ number: 1, nowWallMs });
  const machine = issueMachine({
    ...{ authority, name: name as MachineName, hosts: [] },
    notBeforeMs: nowWallMs,
    notAfterMs: nowWallMs + 4_000 * dayMs,
  });
  const { notAfterMs } = factsOf(new X509Certificate(machine.certificate));
  expect(notAfterMs).toBe(factsOf(new X509Certificate(authority.certificate)).notAfterMs);
});

it('a thousand serial numbers are different and positive', () => {
  const serials = new Set<string>();
  const { authority } = issued();
  for (let index = 0; index < 1_000; index += 1) {
    const { certificate } = issueMachine({
      ...{ authority, name: name as MachineName, hosts: [] },
      ...{ notBeforeMs: nowWallMs, notAfterMs: nowWallMs + dayMs },
    });
    serials.add(new X509Certificate(certificate).serialNumber);
  }
  expect(serials.size).toBe(1_000);
  expect([...serials].every((serial) => /^[0-9A-F]{24,32}$/.test(serial))).toBe(true);
});

describe('notBefore', () => {
  const now = 1_767_225_600_000;

  it('is an hour before the certificate is issued', () => {
    expect(notBeforeOf(null, now)).toBe(now - hourMs);
    expect(notBeforeOf(now - 90 * dayMs, now)).toBe(now - hourMs);
  });

  it('grows with each renewal, also within a second and when the clock was set back by an hour', () => {
    expect(notBeforeOf(now - hourMs, now)).toBe(now - hourMs + 1_000);
    const ahead = notBeforeOf(null, now + hourMs);
    expect(notBeforeOf(ahead - 2_000, now)).toBe(ahead - 1_000);
  });

  it('is later than the last one also when the clock was set back by more: peers refuse an older one', () => {
    expect(notBeforeOf(now, now)).toBe(now + 1_000);
    expect(notBeforeOf(now + 3 * hourMs, now)).toBe(now + 3 * hourMs + 1_000);
  });
});

describe('lists of revocations', () => {
  const listOf = (pem: string) => pemBlocks(pem, 'X509 CRL')[0] ?? Buffer.alloc(0);
  const anchorOfPem = (pem: string) => anchorOf(new X509Certificate(pem));

  it('are read as they were written, with serial numbers as certificates have them', () => {
    const { authority, machine } = issued();
    const { serial } = factsOf(new X509Certificate(machine.certificate));
    const serials = [serial, '80', '01', '7F00', 'FFFF'];
    const revoked = serials.map((one) => ({ serial: one, revokedMs: nowWallMs }));
    const pem = newRevocations({ authority, revoked, nowWallMs, number: 1 });
    const anchor = anchorOfPem(authority.certificate);
    const list = revocationListOf(listOf(pem), [anchor]);
    expect([...list.serials]).toEqual(serials);
    expect(list).toMatchObject({
      issuer: anchor.keyId,
      nextUpdateMs: nowWallMs - 500 + 365 * dayMs,
    });
  });

  it('of another authority, or with a bit turned, are refused', () => {
    const { authority } = issued();
    const other = issued().authority;
    const der = listOf(newRevocations({ authority, revoked: [], nowWallMs, number: 1 }));
    const anchors = [anchorOfPem(other.certificate), anchorOfPem(authority.certificate)];
    expect(revocationListOf(der, anchors).issuer).toBe(anchors[1]?.keyId);
    expect(() => revocationListOf(der, anchors.slice(0, 1))).toThrow(/no trusted authority/);
    for (let bit = 0; bit < der.length * 8; bit += 1) {
      const turned = Buffer.from(der);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let list: ReturnType<typeof revocationListOf> | null = null;
      try {
        list = revocationListOf(turned, anchors);
      } catch {}
      // Bits that mean nothing, such as those of an encoding, may be turned: the list says the same.
      if (list !== null) expect(list).toEqual(revocationListOf(der, anchors));
    }
  });
});
