#!/usr/bin/env node
// No static import and no syntax younger than Node 12, so that an old Node gets as far as the check.
const wanted = [22, 18];
const found = process.versions.node.split('.').map(Number);
if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])) {
  process.stderr.write(`node-too-old: throwover needs Node ${wanted.join('.')} or newer; this is ${process.versions.node}
Nothing was changed.
Next: install a newer Node (https://nodejs.org), or in a clone \`npx throwover\`, which finds the Node that came with it.
`);
  process.exitCode = 2;
} else {
  start();
}

/**
 * Runs the sources in a clone, so that a build that has grown old is never run; else what was published.
 * Compiled modules are kept between starts (Node's own cache, in the directory for temporary files): half
 * of a start's time is their compilation, and a person at a prompt waits for it.
 */
function start() {
  import('node:module')
    .then((module) => module.enableCompileCache())
    .then(() => import('node:fs'))
    .then((fs) => {
      const source = new URL('../src/cli/entry.ts', import.meta.url);
      return fs.existsSync(source)
        ? sources(source)
        : new URL('../dist/cli/entry.js', import.meta.url);
    })
    .then((entry) => import(entry.href))
    .then((entry) => entry.run())
    .catch((error) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      process.exitCode = 1;
    });
}

/** In this process, not in a second one: Ctrl-C and SIGKILL then reach the one that carries out the run. */
function sources(entry) {
  return import('node:module').then((module) => {
    module.registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, {
          ...context,
          conditions: [...context.conditions, 'throwover-source'],
        }),
    });
    return entry;
  });
}
