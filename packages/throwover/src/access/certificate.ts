import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Certificate as CertificateAsn,
  ExtendedKeyUsage,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
  type Time,
} from '@peculiar/asn1-x509';

/**
 * The parts of a certificate that a judgement needs. Node tells neither the key usage nor the
 * algorithm of the signature, and gives the alternative names as one text, so the ASN.1 is read
 * too; of a peer's certificate only after its signature was verified.
 */
export interface CertificateFacts {
  /** Hexadecimal, upper case, as in a revocation. */
  readonly serial: string;
  /** Ms since the Unix epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
  readonly uris: readonly string[];
  /** Object identifier. */
  readonly signatureAlgorithm: string;
  /** `null`: the certificate does not limit it. */
  readonly keyUsage: { readonly signs: boolean; readonly signsRevocations: boolean } | null;
  /** Object identifiers; `null`: the certificate does not limit them. */
  readonly extendedKeyUsage: readonly string[] | null;
  /** Whether it says that it is an authority's. */
  readonly authority: boolean;
  /** Critical extensions that throwover does not process. */
  readonly unknownCritical: readonly string[];
}

const processed: readonly string[] = [
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
];

/** Throws if the bytes are not a certificate. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  const { tbsCertificate: body, signatureAlgorithm } = AsnConvert.parse(
    certificate.raw,
    CertificateAsn,
  );
  const extensions = [...(body.extensions ?? [])];
  const extension = <T>(id: string, type: new () => T): T | null => {
    const found = extensions.find(({ extnID }) => extnID === id);
    return found === undefined ? null : AsnConvert.parse(found.extnValue.buffer, type);
  };
  const usage = extension(id_ce_keyUsage, KeyUsage)?.toNumber() ?? null;
  const purposes = extension(id_ce_extKeyUsage, ExtendedKeyUsage);
  return {
    serial: serialOf(body.serialNumber),
    notBeforeMs: msOf(body.validity.notBefore, certificate.validFromDate),
    notAfterMs: msOf(body.validity.notAfter, certificate.validToDate),
    fingerprint: createHash('sha256').update(certificate.raw).digest('hex'),
    uris: [...(extension(id_ce_subjectAltName, SubjectAlternativeName) ?? [])].flatMap(
      ({ uniformResourceIdentifier: uri }) => (uri === undefined ? [] : [uri]),
    ),
    signatureAlgorithm: signatureAlgorithm.algorithm,
    keyUsage:
      usage === null
        ? null
        : {
            signs: (usage & KeyUsageFlags.digitalSignature) !== 0,
            signsRevocations: (usage & KeyUsageFlags.cRLSign) !== 0,
          },
    extendedKeyUsage: purposes === null ? null : [...purposes],
    authority: extension(id_ce_basicConstraints, BasicConstraints)?.cA === true,
    unknownCritical: extensions.flatMap(({ extnID, critical }) =>
      critical && !processed.includes(extnID) ? [extnID] : [],
    ),
  };
}

/**
 * Throws if Node and the ASN.1 library do not read the same date: both return some date for text that
 * is none.
 */
function msOf(time: Time, byNode: { getTime(): number }): number {
  const ms = time.getTime().getTime();
  if (ms !== byNode.getTime() || !Number.isFinite(ms)) throw new Error('a date cannot be read');
  return ms;
}

/** RFC 5280. */
const maxSerialOctets = 20;

/**
 * Returns the content of an ASN.1 integer as hexadecimal, without the zeros before it. Throws if it
 * is longer than a serial number may be.
 */
export function serialOf(content: ArrayBuffer): string {
  const serial = Buffer.from(content)
    .toString('hex')
    .replace(/^(00)+(?=..)/, '')
    .toUpperCase();
  if (serial.length > 2 * maxSerialOctets) {
    throw new Error(`a serial number has more than ${maxSerialOctets} octets`);
  }
  return serial;
}

/** Returns the subject in one line. Node has none where a certificate's subject is empty. */
export function subjectOf({ subject }: { readonly subject?: string }): string {
  return subject?.replaceAll('\n', ', ') || '(no subject)';
}

/**
 * Returns the id of a key, whatever certificate carries it: SHA-256 of its SubjectPublicKeyInfo. An
 * authority whose certificate is renewed with the same key keeps its id, and its revocations.
 */
export function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** A certificate authority that is trusted, with what is read of it once. */
export interface Anchor {
  readonly certificate: X509Certificate;
  readonly facts: CertificateFacts;
  readonly keyId: string;
}

/** Throws if it cannot be read. `judge` decides whether it may issue. */
export function anchorOf(certificate: X509Certificate): Anchor {
  return { certificate, facts: factsOf(certificate), keyId: keyIdOf(certificate.publicKey) };
}
