import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { serviceErrors } from './errors.ts';

/** The place of a secret. The secret itself is read when it is used, and never printed. */
export type SecretRef =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string };

export const secretRef = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/;

export const isSecretRef = (text: string): boolean => secretRef.test(text);

/** Parses `env:NAME` or `file:PATH`, which the schema has already checked. */
export function parseSecretRef(text: string): SecretRef {
  return text.startsWith('env:')
    ? { from: 'env', name: text.slice(4) }
    : { from: 'file', path: text.slice(5) };
}

/**
 * Returns the secret, without a line break at its end. Relative paths are relative to `directory`.
 * Throws `secret-missing`, also if it is empty.
 */
export async function resolveSecret(
  ref: SecretRef,
  options: { env: Readonly<Record<string, string | undefined>>; directory: string },
): Promise<string> {
  if (ref.from === 'env') {
    const value = options.env[ref.name];
    if (value === undefined || value === '') {
      throw serviceErrors.make('secret-missing', `environment variable ${ref.name} is not set`);
    }
    return value;
  }
  const path = resolve(options.directory, ref.path);
  const secret = await readFile(path, 'utf8').catch((error: unknown) => {
    throw serviceErrors.make('secret-missing', `cannot read ${path}`, { path }, error);
  });
  const value = secret.replace(/\r?\n$/, '');
  // Anybody can sign with an empty secret.
  if (value === '') throw serviceErrors.make('secret-missing', `${path} is empty`, { path });
  return value;
}
