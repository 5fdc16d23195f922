import { Resolver } from 'node:dns/promises';
import { request } from 'node:http';
import type { Clock } from 'throwover/kernel';
import type { TargetConfig } from './config.ts';

/** Stripe does not state its bound; ten seconds is GitHub's, and lies between those of the other providers. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/** Bound on one question to the resolver, ms. */
const LOOKUP_TIMEOUT_MS = 2_000;

/** Where the attempts of one event go. */
export interface Route {
  /** Status of the answer, 0 when there was none. */
  attempt(message: { body: string; headers: Readonly<Record<string, string>> }): Promise<number>;
}

/** A new connection for every attempt: what the sender pins is measured nowhere else. */
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
  const late = new AbortController();
  const done = new AbortController();
  clock.sleep(ATTEMPT_TIMEOUT_MS, done.signal).then(
    () => late.abort(),
    () => undefined,
  );
  try {
    return await act(AbortSignal.any([late.signal, ended]));
  } catch {
    // No name, no connection, no answer in time: all that the sender keeps of it is that nobody answered.
    return 0;
  } finally {
    done.abort();
  }
}

function post(options: {
  url: string;
  address: string;
  body: string;
  headers: Readonly<Record<string, string>>;
  signal: AbortSignal;
}): Promise<number> {
  const { host, port, pathname } = new URL(options.url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: options.address,
        port,
        path: pathname,
        method: 'POST',
        agent: false,
        signal: options.signal,
        headers: { ...options.headers, host, 'content-length': Buffer.byteLength(options.body) },
      },
      (answer) => {
        answer.on('error', reject);
        answer.on('end', () => resolve(answer.statusCode ?? 0));
        answer.resume();
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}
