import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { identityIn } from './identity.ts';
import { regionNames } from './map.ts';
import { throwoverJson } from './throwover-cli.ts';

/** Issues a certificate for every machine of the throwover.yaml in this directory that has none. */
export async function issueCertificates(dir: string, pki: string): Promise<void> {
  const all = [
    ...['serve', 'controller'].map((role) => identityIn(pki, role)),
    ...regionNames.flatMap((region) =>
      ['guard', 'door', 'gateway'].map((role) => identityIn(pki, role, region)),
    ),
  ];
  if (all.every(({ key }) => existsSync(key))) return;
  const action = existsSync(join(pki, 'index.json')) ? 'issue' : 'init';
  await throwoverJson(['pki', action, '--dir', pki, '--for', join(dir, 'throwover.yaml')], dir);
}
