import { createHash, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent } from 'undici';
import { machineOf } from '../../../access/configured.ts';
import { connecting } from '../../../access/machine.ts';
import { type AcceptClusterCommand, hostCalls } from '../../../authority/authority.ts';
import { answeredValue } from '../../../kernel/http-call.ts';
import {
  type Clock,
  replaceDurably,
  systemClock,
  systemRandom,
  urlOf,
} from '../../../kernel/kernel.ts';
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
  const clock = systemClock;
  const { machine, connect } = await asTheGuard(config, clock);
  const dispatcher = new Agent(connecting(connect));
  try {
    const headers = { authorization: `Bearer ${key.trim()}` };
    const way = { url, clock, dispatcher, headers };
    const answer = callOver(hostCalls.acceptCluster, { body: command }, way);
    await answeredValue(answer, (_why, cause) => notRunning(cause));
  } finally {
    await dispatcher.destroy();
    await machine?.close();
  }
}

/** A command on this host comes with the guard's own certificate. The caller closes the machine. */
export async function asTheGuard(
  { service, region, identity }: Pick<GuardConfig, 'service' | 'region' | 'identity'>,
  clock: Clock,
) {
  const machine = await machineOf(identity, {
    ...{ expected: { service, role: 'guard', region }, clock },
  });
  return { machine, connect: machine?.connectTo({ role: 'guard', region }) };
}

/** Returns the guard's URL; loopback for a guard that listens on every address. */
export function ownUrl({
  listen: { host, port },
  identity,
}: Pick<GuardConfig, 'listen' | 'identity'>): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return urlOf({ host: reached, port }, identity === undefined ? 'http' : 'https');
}

function sameKey(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
