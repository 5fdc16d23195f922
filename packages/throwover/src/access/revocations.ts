import { type KeyObject, verify } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  CertificateList,
  id_ce_authorityKeyIdentifier,
  id_ce_cRLNumber,
} from '@peculiar/asn1-x509';
import { type Anchor, serialOf } from './certificate.ts';
import { hashOf } from './judge.ts';

/** A list of revocations whose signature was verified. */
export interface RevocationList {
  /** Id of the key that signed it. */
  readonly issuer: string;
  readonly serials: ReadonlySet<string>;
  readonly thisUpdateMs: number;
  /** `null`: it does not say when the next one comes. */
  readonly nextUpdateMs: number | null;
}

/**
 * More than a service revokes in its life. To read so many stops the process for a quarter of a second,
 * once each time that the list changes.
 */
const maxEntries = 10_000;
/** Serial number, date and an extension with its parts, and as many again for the rest of the list. */
const maxNodes = 20 * maxEntries;

export class UnknownSigner extends Error {}

/**
 * Reads a list, DER. `anchors` may issue certificates (`mayIssue`). Throws if no trusted authority has signed it, or if
 * it speaks for others too.
 */
export function revocationListOf(der: Uint8Array, anchors: readonly Anchor[]): RevocationList {
  const {
    tbsCertList: body,
    tbsCertListRaw,
    ...rest
  } = AsnConvert.parse(der, CertificateList, { berOptions: { maxNodes } });
  const { signatureAlgorithm, signature } = rest;
  if (tbsCertListRaw === undefined) throw new Error('its body is missing');
  const hash = hashOf(signatureAlgorithm.algorithm);
  if (hash === undefined) {
    throw new Error(`its signature algorithm ${signatureAlgorithm.algorithm} is not accepted`);
  }
  const signer = anchors.find(
    ({ certificate, facts }) =>
      facts.keyUsage?.signsRevocations !== false &&
      verifies(hash, tbsCertListRaw, certificate.publicKey, signature),
  );
  if (signer === undefined) throw new UnknownSigner('no trusted authority has signed it');
  // A list that names other issuers, or only a part of the reasons, says so in a critical extension.
  const known: readonly string[] = [id_ce_authorityKeyIdentifier, id_ce_cRLNumber];
  const entries = body.revokedCertificates ?? [];
  const extensions = [
    ...(body.crlExtensions ?? []),
    ...entries.flatMap(({ crlEntryExtensions }) => crlEntryExtensions ?? []),
  ];
  const unknown = extensions.find(({ extnID, critical }) => critical && !known.includes(extnID));
  if (unknown !== undefined) {
    throw new Error(`throwover does not process its critical extension ${unknown.extnID}`);
  }
  if (entries.length > maxEntries) {
    throw new Error(`it has ${entries.length} entries, more than ${maxEntries}`);
  }
  return {
    issuer: signer.keyId,
    serials: new Set(entries.map(({ userCertificate }) => serialOf(userCertificate))),
    thisUpdateMs: body.thisUpdate.getTime().getTime(),
    nextUpdateMs: body.nextUpdate?.getTime().getTime() ?? null,
  };
}

/** A key of another type than the signature throws: it has not signed it. */
function verifies(hash: string, body: ArrayBuffer, key: KeyObject, signature: ArrayBuffer) {
  try {
    const by = hash === 'none' ? null : hash;
    return verify(by, new Uint8Array(body), key, new Uint8Array(signature));
  } catch {
    return false;
  }
}
