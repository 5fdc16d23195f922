import { type KeyObject, X509Certificate } from 'node:crypto';
import { id_kp_clientAuth, id_kp_serverAuth } from '@peculiar/asn1-x509';
import { isoTime } from '../kernel/kernel.ts';
import { type Anchor, type CertificateFacts, factsOf } from './certificate.ts';
import { formatName, type MachineName, meansName, parseName, pathOfName } from './names.ts';

/**
 * Judges a peer by its certificate: no I/O, time is passed in, and nothing else decides. Node tells
 * only the last error of a TLS connection: an expired certificate of a foreign authority reads
 * CERT_HAS_EXPIRED there.
 *
 *   J1  A name counts only if an authority that we trust has signed the certificate itself: there is
 *       no intermediate authority, so a machine's key can issue nothing.
 *   J2  Time is judged last. `expired` and `not-yet-valid` say that everything else is right, so that
 *       a caller may go on: expiry must never close a healthy database.
 *   J3  A revoked certificate, and one older than the newest seen for its name, stays refused whatever
 *       the clock says.
 *
 * Newer means a later notBefore. The authority's clock alone sets it, so clocks of peers that are an
 * hour off change nothing. Two of the same second are both current: neither was issued before the
 * other, and serial numbers are random. Whoever issues makes notBefore grow with each renewal of a
 * name (`notBeforeOf` in issuing.ts). One whose notBefore lies in the future is not remembered as the
 * newest (`Seen`): an authority whose clock was ahead would otherwise lock a name out until then. If
 * the peer's clock was ahead too, revoking that certificate lets the name in again.
 */
export type Judgement =
  | Accepted
  | {
      readonly state: 'refused';
      readonly reason: Refusal;
      /** For people. Holds text of the peer only where an authority has signed it. */
      readonly said: string;
      /** Where the name could be read and its certificate is an authority's own. */
      readonly name: MachineName | null;
    };

export interface Accepted {
  readonly state: 'valid' | 'expired' | 'not-yet-valid';
  readonly name: MachineName;
  readonly certificate: CertificateFacts;
  /** Id of the issuer's key. */
  readonly issuer: string;
  /** Why it is not `valid`, for people. */
  readonly said: string | null;
}

export type Refusal =
  | 'no-certificate'
  | 'unreadable'
  | 'foreign-issuer'
  | 'bad-signature'
  | 'weak-signature'
  | 'weak-key'
  | 'not-for-machines'
  | 'name-missing'
  | 'name-wrong'
  | 'other-service'
  | 'revoked'
  | 'superseded';

export interface Newest {
  /** Ms since the Unix epoch. */
  readonly notBeforeMs: number;
  readonly serial: string;
}

export interface Standards {
  readonly anchors: readonly Anchor[];
  /** `null`: a process of several services; the caller looks at `name.service`. */
  readonly service: string | null;
  /** What the peer is in this connection. */
  readonly peerIs: 'client' | 'server';
  readonly isRevoked: (issuer: string, serial: string) => boolean;
  /** The newest certificate seen for a name, without revoked ones; `null` if none was. */
  readonly newestOf: (name: string) => Newest | null;
  readonly nowWallMs: number;
}

/** Longer than any machine's certificate: RSA 8192 with a hundred addresses takes 5 KB. */
const maxBytes = 16 * 1024;

/** Curves and key types with the strength of 128 bits, and RSA as everybody still accepts it. */
const leastRsaBits = 2048;
const curves: readonly unknown[] = ['prime256v1', 'secp384r1'];

/** Signatures without SHA-1 and MD5. RSA-PSS is not among them: its hash stands in parameters. */
const signatures: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': 'none',
};

/** Returns the hash of a signature that counts: `none` where the algorithm has its own; else `undefined`. */
export function hashOf(signatureAlgorithm: string): string | undefined {
  return signatures[signatureAlgorithm];
}

/** @param der The certificate as it came, of any peer; `null` if it sent none. */
export function judge(der: Uint8Array | null, standards: Standards): Judgement {
  if (der === null) return refused('no-certificate', 'it sent no certificate');
  const certificate = read(der);
  if (certificate === null) return refused('unreadable', 'its certificate cannot be read');
  const named = standards.anchors.filter(
    (anchor) => mayIssue(anchor) && issued(anchor, certificate),
  );
  if (named.length === 0) {
    return refused('foreign-issuer', 'no trusted authority is the issuer of its certificate');
  }
  const signers = named.filter((anchor) => verifies(anchor, certificate));
  if (signers.length === 0) {
    return refused(
      'bad-signature',
      'its certificate was not signed by the authority that it names',
    );
  }
  const facts = factsOrNull(certificate);
  if (facts === null) return refused('unreadable', 'its certificate cannot be read');
  const form = formRefusal(certificate, facts, standards.peerIs);
  if (form !== null) return form;
  const name = nameIn(facts.uris);
  if ('state' in name) return name;
  const { service } = standards;
  if (service !== null && name.service !== service) {
    return refused('other-service', `it is of the service ${name.service}, not ${service}`, name);
  }
  if (signers.some(({ keyId }) => standards.isRevoked(keyId, facts.serial))) {
    return refused('revoked', `its certificate ${facts.serial} was revoked`, name);
  }
  const newest = standards.newestOf(formatName(name));
  if (newest !== null && facts.notBeforeMs < newest.notBeforeMs) {
    return refused('superseded', supersededSaid(name, facts, newest), name);
  }
  return atThisTime({ name, facts, signers }, standards.nowWallMs);
}

function supersededSaid(name: MachineName, facts: CertificateFacts, newest: Newest): string {
  return [
    `its certificate ${facts.serial} (not before ${isoTime(facts.notBeforeMs)}) is older than ${newest.serial} (not before ${isoTime(newest.notBeforeMs)}), seen before for ${formatName(name)}.`,
    `Use the newest certificate of ${pathOfName(name)}. If a clock that was ahead issued ${newest.serial}, run \`throwover pki revoke ${newest.serial}\` and copy crl.pem to every machine`,
  ].join(' ');
}

/** Whether an authority may issue certificates at all. Its own dates are judged with the leaf's. */
export function mayIssue({ certificate, facts }: Anchor): boolean {
  return (
    certificate.ca &&
    strongKey(certificate.publicKey) &&
    facts.unknownCritical.length === 0 &&
    (facts.extendedKeyUsage === null ||
      [id_kp_clientAuth, id_kp_serverAuth].every((id) => facts.extendedKeyUsage?.includes(id)))
  );
}

/** Names, key identifiers and the issuer's key usage. */
function issued({ certificate: authority }: Anchor, leaf: X509Certificate): boolean {
  return leaf.checkIssued(authority);
}

function verifies({ certificate: authority }: Anchor, leaf: X509Certificate): boolean {
  try {
    return leaf.verify(authority.publicKey);
  } catch {
    return false;
  }
}

function read(der: Uint8Array): X509Certificate | null {
  if (der.length > maxBytes) return null;
  try {
    const certificate = new X509Certificate(der);
    // Bytes behind the certificate, or PEM: whoever sent them means something else.
    return certificate.raw.equals(der) ? certificate : null;
  } catch {
    return null;
  }
}

function factsOrNull(certificate: X509Certificate): CertificateFacts | null {
  try {
    return factsOf(certificate);
  } catch {
    return null;
  }
}

/** What a certificate of a machine must look like, whatever its name is. */
function formRefusal(
  certificate: X509Certificate,
  facts: CertificateFacts,
  peerIs: Standards['peerIs'],
): Judgement | null {
  if (facts.authority) {
    return refused('not-for-machines', 'its certificate is one of an authority');
  }
  if (hashOf(facts.signatureAlgorithm) === undefined) {
    return refused(
      'weak-signature',
      `its certificate is signed with ${facts.signatureAlgorithm}, which is not accepted`,
    );
  }
  if (!strongKey(keyOrNull(certificate))) {
    return refused(
      'weak-key',
      `its key is not EC P-256 or P-384, Ed25519, or RSA of at least ${leastRsaBits} bits`,
    );
  }
  const purpose = peerIs === 'client' ? id_kp_clientAuth : id_kp_serverAuth;
  if (facts.extendedKeyUsage !== null && !facts.extendedKeyUsage.includes(purpose)) {
    return refused('not-for-machines', `its certificate is not for a TLS ${peerIs}`);
  }
  if (facts.keyUsage?.signs === false) {
    return refused('not-for-machines', 'its key usage does not have digitalSignature');
  }
  if (facts.unknownCritical.length > 0) {
    return refused(
      'not-for-machines',
      `its certificate has critical extensions that throwover does not process: ${facts.unknownCritical.join(', ')}`,
    );
  }
  return null;
}

function keyOrNull(certificate: X509Certificate): KeyObject | null {
  try {
    return certificate.publicKey;
  } catch {
    return null;
  }
}

function strongKey(key: KeyObject | null): boolean {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key ?? {};
  if (kind === 'ed25519') return true;
  if (kind === 'ec') return curves.includes(details?.namedCurve);
  return (
    kind === 'rsa' &&
    (details?.modulusLength ?? 0) >= leastRsaBits &&
    // With an exponent of 1 anybody can sign; small ones have failed before.
    (details?.publicExponent ?? 0n) >= 65_537n
  );
}

function nameIn(uris: readonly string[]): MachineName | Judgement {
  const meant = uris.filter(meansName);
  const [only] = meant;
  if (only === undefined) {
    return refused(
      'name-missing',
      'its certificate has no URI of the form throwover://SERVICE/ROLE/...',
    );
  }
  const name = meant.length === 1 ? parseName(only) : null;
  return (
    name ??
    refused(
      'name-wrong',
      meant.length === 1
        ? `its certificate has the name ${JSON.stringify(only.slice(0, 200))}, which is not well-formed`
        : `its certificate has ${meant.length} names of throwover; exactly one is allowed`,
    )
  );
}

function atThisTime(
  found: { name: MachineName; facts: CertificateFacts; signers: readonly Anchor[] },
  nowWallMs: number,
): Accepted {
  const { name, facts, signers } = found;
  // The same key may stand in two certificates of an authority, an old and a renewed one.
  const authority = signers.find(({ facts }) => timeOf(facts, nowWallMs) === 'valid') ?? signers[0];
  if (authority === undefined) throw new Error('nobody signed it, and it got this far');
  const own = timeOf(facts, nowWallMs);
  const state = own === 'valid' ? timeOf(authority.facts, nowWallMs) : own;
  const [whose, dates] =
    own === 'valid'
      ? (['its authority’s certificate', authority.facts] as const)
      : (['its certificate', facts] as const);
  const said = {
    valid: null,
    expired: `${whose} expired at ${isoTime(dates.notAfterMs)}`,
    'not-yet-valid': `${whose} is valid only from ${isoTime(dates.notBeforeMs)}`,
  }[state];
  return { state, name, certificate: facts, issuer: authority.keyId, said };
}

function timeOf(
  { notBeforeMs, notAfterMs }: CertificateFacts,
  nowWallMs: number,
): Accepted['state'] {
  if (nowWallMs > notAfterMs) return 'expired';
  return nowWallMs < notBeforeMs ? 'not-yet-valid' : 'valid';
}

function refused(reason: Refusal, said: string, name: MachineName | null = null): Judgement {
  return { state: 'refused', reason, said, name };
}
