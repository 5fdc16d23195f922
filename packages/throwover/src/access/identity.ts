import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { accessErrors } from './errors.ts';

/** The files of a machine in its configuration (docs/certificates.md). Relative to that file's directory in throwover.yaml, absolute elsewhere. */
export const identitySchema = z.strictObject({
  certificate: z.string().min(1).describe("This machine's certificate, PEM"),
  key: z.string().min(1).describe('Its key, PEM'),
  trust: z.string().min(1).describe('Certificates of the authorities that it trusts, PEM'),
  revocations: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Lists of revocations, PEM; `null`: there are none'),
  memory: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'What this machine remembers of certificates; it writes this file. `null`: the name of the certificate with `.seen` behind it',
    ),
});

/** Reads an identity of its own file. Throws `certificate-files-wrong`. */
export function identityOf(input: unknown, file: string): Identity {
  const parsed = identitySchema.safeParse(input);
  if (parsed.success) return absoluteIn(dirname(resolve(file)), parsed.data);
  throw accessErrors.make('certificate-files-wrong', `${file}: ${z.prettifyError(parsed.error)}`);
}

/** The same files, relative to the directory of the configuration. */
export function absoluteIn(directory: string, identity: Identity): Identity {
  const at = (file: string) => resolve(directory, file);
  const { certificate, key, trust, revocations, memory } = identity;
  return {
    ...{ certificate: at(certificate), key: at(key), trust: at(trust) },
    revocations: revocations === null ? null : at(revocations),
    memory: memory === null ? null : at(memory),
  };
}

/** For a process that others reach and that has no certificate. */
export const insecure = z
  .boolean()
  .default(false)
  .describe(
    '`true`: it may listen beyond loopback without a certificate, because something else protects the port; `check` is not green then',
  );

export type Identity = z.output<typeof identitySchema>;
