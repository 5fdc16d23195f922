import { createHash, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { z } from 'zod';
import type { AcceptClusterCommand } from '../../../authority/authority.ts';
import { answeredValue, jsonCall } from '../../../kernel/http-call.ts';
import { systemClock, systemRandom, urlOf } from '../../../kernel/kernel.ts';
import { type GuardConfig, parseGuardConfig } from '../config.ts';
import { postgresErrors } from '../errors.ts';
import { replaceDurably } from './state.ts';

/**
 * The commands of a person on the guard's own host. A person who can read the key in `stateDir` is
 * on that host, as the guard's user or as root; over the network the command cannot be sent without
 * the key.
 */

const keyFile = 'local.key';

/** Words of 32 bits in the key. */
const keyWords = 8;

/** Longest wait for the guard's answer, ms: the guard first asks the store and the other guard. */
const answerTimeoutMs = 15_000;

/** Longest answer, bytes: an error. */
const maxAnswerBytes = 1024 ** 2;

const acceptInput: z.ZodType<AcceptClusterCommand> = z.strictObject({
  identifier: z.string().regex(/^\d{1,20}$/, 'expected the digits of a system identifier'),
  by: z.string().trim().min(1).max(200),
});

/** Writes a new key at each start, readable only by the guard's user. */
export async function writeLocalKey(stateDir: string): Promise<string> {
  const words = Array.from({ length: keyWords }, () => systemRandom.integer(2 ** 32));
  const key = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  await mkdir(stateDir, { recursive: true, mode: 0o755 });
  await replaceDurably(join(stateDir, keyFile), key);
  return key;
}

/** `POST /v1/local/accept-cluster`, with the key as a bearer token. */
export function serveLocal(
  app: Hono,
  options: { key: string; acceptCluster: (command: AcceptClusterCommand) => Promise<void> },
): void {
  app.post('/v1/local/accept-cluster', async (context) => {
    const given = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1] ?? '';
    if (!sameKey(given, options.key)) {
      throw postgresErrors.make(
        'not-on-this-host',
        `the command accept-cluster came without the key of the guard's own host`,
      );
    }
    const input = acceptInput.safeParse(await context.req.json().catch(() => null));
    if (!input.success) {
      throw postgresErrors.make(
        'database-refused',
        `the command accept-cluster is not understood: ${z.prettifyError(input.error)}`,
      );
    }
    await options.acceptCluster(input.data);
    return context.json({});
  });
}

/**
 * `throwover guard accept-cluster`: sends the command to the guard of this configuration, which
 * runs on this host.
 */
export async function acceptCluster(input: unknown, command: AcceptClusterCommand): Promise<void> {
  const config = parseGuardConfig(input);
  const file = join(config.stateDir, keyFile);
  const url = new URL('/v1/local/accept-cluster', ownUrl(config));
  const notRunning = (error: unknown) =>
    postgresErrors.make(
      'guard-not-running',
      `${config.region}'s guard did not answer at ${url.origin}, or its key ${file} cannot be read: ${error instanceof Error ? error.message : error}`,
      { url: url.origin, file },
      error,
    );
  const key = await readFile(file, 'utf8').catch((error) => {
    throw notRunning(error);
  });
  const answer = jsonCall({
    ...{ url, method: 'POST', input: command, output: z.unknown() },
    headers: { authorization: `Bearer ${key.trim()}` },
    ...{ deadlineMs: answerTimeoutMs, maxBytes: maxAnswerBytes, clock: systemClock },
  });
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
