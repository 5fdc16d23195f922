import { join } from 'node:path';

/** The files of a machine of the lab's service, as its configuration names them. */
export function identityIn(pki: string, role: string, region?: string) {
  const name = ['checkout', role, ...(region === undefined ? [] : [region]), '1'].join('.');
  return {
    certificate: join(pki, 'issued', `${name}.crt`),
    key: join(pki, 'issued', `${name}.key`),
    trust: join(pki, 'trust.pem'),
    revocations: join(pki, 'crl.pem'),
  };
}
