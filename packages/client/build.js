// Builds what is published: dist/esm and dist/cjs, JavaScript and types.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const here = import.meta.dirname;
const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');

rmSync(join(here, 'dist'), { recursive: true, force: true });
compile('tsconfig.build.json');
compile('tsconfig.build-cjs.json');
writeFileSync(join(here, 'dist', 'cjs', 'package.json'), '{ "type": "commonjs" }\n');

function compile(project) {
  const { status } = spawnSync(process.execPath, [tsc, '--project', join(here, project)], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}
