import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../kernel/kernel.ts';
import { factsOf } from './certificate.ts';
import type { Identity } from './identity.ts';
import { type Issued, issueMachine, newAuthority, newRevocations } from './issuing.ts';
import { parseName } from './names.ts';

const hourMs = 3_600_000;

/** When a certificate of a test is valid. */
const terms = {
  valid: { fromMs: -hourMs, toMs: hourMs },
  expired: { fromMs: -2 * hourMs, toMs: -hourMs },
  'not-yet-valid': { fromMs: hourMs, toMs: 2 * hourMs },
} as const;
export type Term = keyof typeof terms;

/** A certificate authority and the files of machines, in a directory. */
export function testPki(dir: string) {
  const nowMs = systemClock.wallMs();
  const authority = newAuthority({ number: 1, nowWallMs: nowMs - 10 * hourMs });
  const trust = join(dir, 'trust.pem');
  const revocations = join(dir, 'crl.pem');
  writeFileSync(trust, authority.certificate);
  const revoked: { serial: string; revokedMs: number }[] = [];
  const writeList = () =>
    writeFileSync(
      revocations,
      newRevocations({ authority, revoked, nowWallMs: nowMs, number: revoked.length + 1 }),
    );
  writeList();
  let files = 0;
  /** Puts a certificate into files. */
  const filesOf = ({ certificate, key }: Issued): Identity => {
    files += 1;
    const at = (end: string) => join(dir, `${files}.${end}`);
    writeFileSync(at('crt'), certificate);
    writeFileSync(at('key'), key);
    return { certificate: at('crt'), key: at('key'), trust, revocations, memory: null };
  };
  const issue = (uri: string, { term = 'valid' as Term, by = authority } = {}): Issued => {
    const name = parseName(uri);
    if (name === null) throw new Error(`${uri} is no name`);
    const { fromMs, toMs } = terms[term];
    return issueMachine({
      ...{ authority: by, name, hosts: [] },
      ...{ notBeforeMs: nowMs + fromMs, notAfterMs: nowMs + toMs },
    });
  };
  return {
    authority,
    issue,
    filesOf,
    /** Issues a certificate and puts it into files. */
    identity: (uri: string, options: Parameters<typeof issue>[1] = {}) =>
      filesOf(issue(uri, options)),
    revoke: (one: Issued) => {
      revoked.push({
        serial: factsOf(new X509Certificate(one.certificate)).serial,
        revokedMs: nowMs,
      });
      writeList();
    },
  };
}
