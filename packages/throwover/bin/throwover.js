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

/** Runs the sources in a clone, so that a build that has grown old is never run; else what was published. */
function start() {
  Promise.all([import('node:module'), import('node:os'), import('node:path'), import('node:fs')])
    .then(([module, os, path, fs]) => {
      keepCompiled(module, os, path, fs);
      return fs;
    })
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

/**
 * Compiled modules are kept between starts: half of a start's time is their compilation, and a person at a
 * prompt waits for it. In the user's own directory, never in one that others may write: what stands there
 * is run. Where there is none nothing is kept, and nothing is tried: Node 24 spins for ever when it is to make
 * a directory below /proc.
 */
function keepCompiled(module, os, path, fs) {
  try {
    const own = process.env.XDG_CACHE_HOME || os.homedir();
    fs.accessSync(own, fs.constants.W_OK);
    const caches = process.env.XDG_CACHE_HOME || path.join(own, '.cache');
    module.enableCompileCache(path.join(caches, 'throwover'));
  } catch {
    // A user without a home: it starts as slowly as ever.
  }
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
