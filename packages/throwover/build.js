// Builds what is published: dist/ (JavaScript and types) and throwover.schema.json.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const here = import.meta.dirname;
const require = createRequire(import.meta.url);

// Our types name those of the client, so it comes first.
const client = join(here, '..', 'client');
if (!existsSync(join(client, 'dist'))) run(join(client, 'build.js'), []);

rmSync(join(here, 'dist'), { recursive: true, force: true });
run(join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc'), [
  '--project',
  join(here, 'tsconfig.build.json'),
]);
// What the code reads beside itself: styles, templates.
cpSync(join(here, 'src'), join(here, 'dist'), {
  recursive: true,
  filter: (path) => !path.endsWith('.ts'),
});
const { serviceJsonSchema } = await import('./dist/service/json-schema.js');
writeFileSync(
  join(here, 'throwover.schema.json'),
  `${JSON.stringify(serviceJsonSchema(), null, 2)}\n`,
);

function run(script, args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
