import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificateList,
  CRLNumber,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_cRLNumber,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  RevokedCertificate,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  TBSCertList,
  Time,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import { dateAt } from '../kernel/kernel.ts';
import { factsOf } from './certificate.ts';
import { formatName, type MachineName, pathOfName } from './names.ts';

/** A private certificate authority without files: keys, certificates and revocations. EC P-256. */

const dayMs = 86_400_000;
/** A certificate begins this long before it is issued: clocks of peers may be behind by as much. */
const beforeIssueMs = 3_600_000;
/** Long enough that a team rotates its authority in peace. */
const authorityDays = 3_650;
/** Each command that changes the folder issues new lists, so a small team renews them in passing. */
const revocationsDays = 365;

const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const commonName = '2.5.4.3';
/** RFC 5280. The subject is for people: the name that counts is the URI. */
const maxCommonName = 64;

/** A certificate and its key, PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** Creates an authority that signs itself. */
export function newAuthority(options: {
  readonly number: number;
  readonly nowWallMs: number;
}): Issued {
  const { privateKey, publicKey } = newKeys();
  const keyId = keyIdentifierOf(publicKey);
  // Two authorities never have the same subject: programs find an issuer by it.
  const mark = Buffer.from(keyId).toString('hex').slice(0, 8);
  const name = nameOf(`throwover authority ${options.number} (${mark})`);
  const certificate = signed(privateKey, {
    ...{ issuer: name, subject: name, publicKey },
    notBeforeMs: options.nowWallMs - beforeIssueMs,
    notAfterMs: options.nowWallMs + authorityDays * dayMs,
    extensions: [
      extension(
        id_ce_basicConstraints,
        new BasicConstraints({ cA: true, pathLenConstraint: 0 }),
        true,
      ),
      extension(
        id_ce_keyUsage,
        new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign),
        true,
      ),
      extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyId)),
    ],
  });
  return { certificate, key: pemOf(privateKey) };
}

/** Creates a machine's key and its certificate. It ends with the authority's certificate at the latest. */
export function issueMachine(options: {
  readonly authority: Issued;
  readonly name: MachineName;
  /** Names and addresses for clients that look for them, such as Prometheus; throwover ignores them. */
  readonly hosts: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}): Issued {
  const { authority, name, hosts, notBeforeMs, notAfterMs } = options;
  const { privateKey, publicKey } = newKeys();
  const issuer = authorityOf(authority);
  const certificate = signed(issuer.key, {
    issuer: issuer.subject,
    subject: nameOf(pathOfName(name).slice(0, maxCommonName)),
    publicKey,
    notBeforeMs,
    notAfterMs: Math.min(notAfterMs, issuer.notAfterMs),
    extensions: [
      extension(id_ce_basicConstraints, new BasicConstraints({ cA: false }), true),
      extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature), true),
      extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_clientAuth, id_kp_serverAuth])),
      extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifierOf(publicKey))),
      extension(id_ce_authorityKeyIdentifier, issuer.identifier),
      extension(
        id_ce_subjectAltName,
        new SubjectAlternativeName([
          new GeneralName({ uniformResourceIdentifier: formatName(name) }),
          ...hosts.map(
            (host) => new GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host }),
          ),
        ]),
      ),
    ],
  });
  return { certificate, key: pemOf(privateKey) };
}

/**
 * Returns the notBefore of a new certificate, ms, rounded down to seconds as certificates are. It is
 * later than that of the last one of this name, whatever the clock did in between: peers refuse an
 * older one.
 */
export function notBeforeOf(lastMs: number | null, nowWallMs: number): number {
  const usual = floorToSecond(nowWallMs - beforeIssueMs);
  return lastMs === null ? usual : Math.max(usual, lastMs + 1_000);
}

/** Signs a list of revocations, PEM. */
export function newRevocations(options: {
  readonly authority: Issued;
  readonly revoked: readonly { readonly serial: string; readonly revokedMs: number }[];
  readonly nowWallMs: number;
  /** Grows with each list. */
  readonly number: number;
}): string {
  const { authority, revoked, nowWallMs, number } = options;
  const issuer = authorityOf(authority);
  const body = new TBSCertList({
    version: Version.v2,
    signature: algorithm(),
    issuer: issuer.subject,
    thisUpdate: timeAt(nowWallMs - beforeIssueMs),
    nextUpdate: timeAt(nowWallMs + revocationsDays * dayMs),
    crlExtensions: [
      extension(id_ce_authorityKeyIdentifier, issuer.identifier),
      extension(id_ce_cRLNumber, new CRLNumber(number)),
    ],
  });
  // An empty list must be absent.
  if (revoked.length > 0) {
    body.revokedCertificates = revoked.map(
      ({ serial, revokedMs }) =>
        new RevokedCertificate({
          userCertificate: integerOf(Buffer.from(serial, 'hex')),
          revocationDate: timeAt(revokedMs),
        }),
    );
  }
  const signature = signatureOf(issuer.key, AsnConvert.serialize(body));
  const list = new CertificateList({
    tbsCertList: body,
    signatureAlgorithm: algorithm(),
    signature,
  });
  return pem('X509 CRL', AsnConvert.serialize(list));
}

function authorityOf({ certificate, key }: Issued) {
  const read = new X509Certificate(certificate);
  const { tbsCertificate } = AsnConvert.parse(read.raw, Certificate);
  const subjectKey = tbsCertificate.extensions?.find(
    ({ extnID }) => extnID === id_ce_subjectKeyIdentifier,
  );
  if (subjectKey === undefined) throw new Error('an authority without a subject key identifier');
  const identifier = AsnConvert.parse(subjectKey.extnValue.buffer, SubjectKeyIdentifier);
  return {
    key: createPrivateKey(key),
    subject: tbsCertificate.subject,
    notAfterMs: factsOf(read).notAfterMs,
    identifier: new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(identifier.buffer) }),
  };
}

function signed(
  key: KeyObject,
  parts: {
    readonly issuer: Name;
    readonly subject: Name;
    readonly publicKey: KeyObject;
    readonly notBeforeMs: number;
    readonly notAfterMs: number;
    readonly extensions: readonly Extension[];
  },
): string {
  const { issuer, subject, publicKey, notBeforeMs, notAfterMs, extensions } = parts;
  const body = new TBSCertificate({
    version: Version.v3,
    // 128 bits of the system's generator: no two are equal, and nobody guesses the next.
    serialNumber: integerOf(randomBytes(16)),
    signature: algorithm(),
    issuer,
    validity: new Validity({ notBefore: dateAt(notBeforeMs), notAfter: dateAt(notAfterMs) }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(spkiOf(publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions([...extensions]),
  });
  const certificate = new Certificate({
    tbsCertificate: body,
    signatureAlgorithm: algorithm(),
    signatureValue: signatureOf(key, AsnConvert.serialize(body)),
  });
  return pem('CERTIFICATE', AsnConvert.serialize(certificate));
}

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spkiOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });
const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const algorithm = () => new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
const floorToSecond = (ms: number) => Math.floor(ms / 1000) * 1000;
const timeAt = (ms: number) => new Time(dateAt(floorToSecond(ms)));

function signatureOf(key: KeyObject, bytes: ArrayBuffer): ArrayBuffer {
  return bufferOf(sign('sha256', new Uint8Array(bytes), key));
}

/** SHA-1 of the key, as RFC 5280 proposes; it only finds the issuer, and proves nothing. */
function keyIdentifierOf(key: KeyObject): ArrayBuffer {
  const { subjectPublicKey } = AsnConvert.parse(spkiOf(key), SubjectPublicKeyInfo);
  return bufferOf(createHash('sha1').update(new Uint8Array(subjectPublicKey)).digest());
}

function extension(extnID: string, value: unknown, critical = false): Extension {
  return new Extension({
    extnID,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}

function nameOf(text: string): Name {
  return new Name([
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({
        type: commonName,
        value: new AttributeValue({ utf8String: text }),
      }),
    ]),
  ]);
}

/** Returns the shortest content of a positive integer. */
function integerOf(bytes: Buffer): ArrayBuffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const rest = first === -1 ? Buffer.from([0]) : bytes.subarray(first);
  return bufferOf((rest[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), rest]) : rest);
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
