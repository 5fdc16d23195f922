// Builds what is published: dist/ (JavaScript and types), and throwover.schema.json when it is out of date.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

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
copyAssets();
await writeSchema();

/** What the code reads beside itself. Fails when one would take the place of a compiled file. */
function copyAssets() {
  cpSync(join(here, 'src'), join(here, 'dist'), {
    recursive: true,
    force: false,
    errorOnExist: true,
    filter: (path) => statSync(path).isDirectory() || /\.(css|js)$/.test(path),
  });
}

/** Left as it is formatted when it says the same. */
async function writeSchema() {
  const { serviceJsonSchema } = await import('./dist/service/schema/json-schema.js');
  const path = join(here, 'throwover.schema.json');
  const schema = JSON.stringify(serviceJsonSchema(), null, 2);
  if (existsSync(path) && isDeepStrictEqual(JSON.parse(readFileSync(path)), JSON.parse(schema)))
    return;
  writeFileSync(path, `${schema}\n`);
}

function run(script, args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
