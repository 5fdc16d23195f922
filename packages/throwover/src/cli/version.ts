import { createRequire } from 'node:module';

/** Returns the version of this package. */
export function version(): string {
  const read = createRequire(import.meta.url);
  return (read('../../package.json') as { version: string }).version;
}
