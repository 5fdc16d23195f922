/**
 * Who a machine is, by its certificate, and a small private authority that issues them.
 *
 *   names.ts         the name in a certificate: service, role, region, instance
 *   certificate.ts   what is read of a certificate
 *   judge.ts         judges a peer's certificate; pure
 *   revocations.ts   lists of revocations
 *   seen.ts          what a process remembers of certificates, on disk
 *   notices.ts       alarms ahead of a date
 *   trust.ts         the files of a machine, read again when they change
 *   identity.ts      those files in a configuration
 *   machine.ts       a machine in its connections: TLS, each side judged; open-machine.ts
 *   issuing.ts       keys, certificates and lists of an authority, without files
 *   pki-folder.ts    the authority in a folder: `throwover pki`
 *   pem.ts           blocks of a PEM file
 */
export { accessErrors } from './errors.ts';
export type { Judgement } from './judge.ts';
export { checkedName } from './names.ts';
export {
  certificatesInFile,
  contentOf,
  finishRotation,
  initPki,
  issue,
  type PkiCertificate,
  renew,
  revoke,
  rotate,
} from './pki-folder.ts';
export { openTrust, type Trust, type TrustEvent } from './trust.ts';
