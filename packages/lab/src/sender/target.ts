import { Resolver } from 'node:dns/promises';
import { type Clock, withDeadline } from 'throwover/kernel';
import { Client } from 'undici';
import type { TargetConfig } from './config.ts';

/**
 * Stripe does not publish its timeout; ten seconds is GitHub's, and lies between those of the other
 * providers.
 */
const ATTEMPT_TIMEOUT_MS = 10_000;

/** Longest wait for one query to the resolver, ms. */
const LOOKUP_TIMEOUT_MS = 2_000;

/** The destination of the attempts of one event. */
export interface Route {
  /** Sends an attempt; returns the status of the answer, 0 when there was none. */
  attempt(message: { body: string; headers: Readonly<Record<string, string>> }): Promise<number>;
}

/**
 * Returns a route that opens a new connection for every attempt: no other measurement shows
 * connections that a sender pins.
 */
export function routeTo(target: TargetConfig, clock: Clock, ended: AbortSignal): Route {
  if (target.kind === 'dns') {
    const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: 1 });
    resolver.setServers([target.resolver]);
    const url = `http://${target.name}:${target.port}${target.path}`;
    return {
      attempt: (message) =>
        bounded(clock, ended, async (signal) => {
          const [address] = await resolver.resolve4(target.name);
          if (address === undefined) return 0;
          return post({ url, address, signal, ...message });
        }),
    };
  }
  let current = 0;
  return {
    attempt: async (message) => {
      const url = target.urls[current % target.urls.length] ?? '';
      const address = new URL(url).hostname;
      const status = await bounded(clock, ended, (signal) =>
        post({ url, address, signal, ...message }),
      );
      if (status === 0 || status >= 500) current += 1;
      return status;
    },
  };
}

async function bounded(
  clock: Clock,
  ended: AbortSignal,
  act: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  try {
    return await withDeadline(clock, ATTEMPT_TIMEOUT_MS, (late) =>
      act(AbortSignal.any([late, ended])),
    );
  } catch {
    // No name, no connection or no answer in time: the sender only records that there was no
    // answer.
    return 0;
  }
}

async function post(options: {
  url: string;
  address: string;
  body: string;
  headers: Readonly<Record<string, string>>;
  signal: AbortSignal;
}): Promise<number> {
  const { address, body, headers, signal } = options;
  const { host, port, pathname } = new URL(options.url);
  const connection = new Client(`http://${address}:${port}`);
  try {
    const message = { path: pathname, method: 'POST', headers: { ...headers, host }, body, signal };
    const answer = await connection.request(message);
    await answer.body.dump();
    return answer.statusCode;
  } finally {
    await connection.destroy();
  }
}
