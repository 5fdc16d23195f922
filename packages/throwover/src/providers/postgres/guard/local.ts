import { createHash, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AcceptClusterCommand, hostCalls } from '../../../authority/authority.ts';
import { answeredValue } from '../../../kernel/http-call.ts';
import { replaceDurably, systemClock, systemRandom, urlOf } from '../../../kernel/kernel.ts';
import { callOver } from '../../../wire/client.ts';
import { type GuardConfig, parseGuardConfig } from '../config.ts';
import { postgresErrors } from '../errors.ts';

/**
 * The commands of a person on the guard's own host. A person who can read the key in `stateDir` is
 * on that host, as the guard's user or as root; over the network the command cannot be sent without
 * the key.
 */

const keyFile = 'local.key';

/** Words of 32 bits in the key. */
const keyWords = 8;

/** Writes a new key at each start, readable only by the guard's user. */
export async function writeLocalKey(stateDir: string): Promise<string> {
  const words = Array.from({ length: keyWords }, () => systemRandom.integer(2 ** 32));
  const key = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  await mkdir(stateDir, { recursive: true, mode: 0o755 });
  await replaceDurably(join(stateDir, keyFile), key);
  return key;
}

/** Refuses a command that came without the key, as `Bearer KEY`. */
export function mustBeOnThisHost(authorization: string | undefined, key: string): void {
  const given = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '';
  if (sameKey(given, key)) return;
  throw postgresErrors.make(
    'not-on-this-host',
    `the command accept-cluster came without the key of the guard's own host`,
  );
}

/**
 * `throwover guard accept-cluster`: sends the command to the guard of this configuration, which
 * runs on this host.
 */
export async function acceptCluster(input: unknown, command: AcceptClusterCommand): Promise<void> {
  const config = parseGuardConfig(input);
  const file = join(config.stateDir, keyFile);
  const url = ownUrl(config);
  const notRunning = (error: unknown) =>
    postgresErrors.make(
      'guard-not-running',
      `${config.region}'s guard did not answer at ${url}, or its key ${file} cannot be read: ${error instanceof Error ? error.message : error}`,
      { url, file },
      error,
    );
  const key = await readFile(file, 'utf8').catch((error) => {
    throw notRunning(error);
  });
  const answer = callOver(
    hostCalls.acceptCluster,
    { body: command },
    { url, clock: systemClock, headers: { authorization: `Bearer ${key.trim()}` } },
  );
  await answeredValue(answer, (_why, cause) => notRunning(cause));
}

/** Returns the guard's URL; loopback for a guard that listens on every address. */
export function ownUrl({ listen: { host, port } }: Pick<GuardConfig, 'listen'>): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return urlOf({ host: reached, port });
}

function sameKey(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
