import { access } from 'node:fs/promises';

/** Whether the path can be reached in this way; by default, whether it exists. */
export function isThere(path: string, mode?: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
