import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Formats as the repository's formatter does, so that the two never undo each other. */
export function formattedMarkdown(markdown: string): string {
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  const args = [biome, 'format', '--stdin-file-path=docs/generated.md'];
  return execFileSync(process.execPath, args, { cwd: root, input: markdown, encoding: 'utf8' });
}
