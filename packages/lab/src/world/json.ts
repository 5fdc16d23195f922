import { type Endpoint, systemClock } from 'throwover/kernel';

/** Longest wait for an answer of a process of the lab, ms, unless the caller sets another. */
export const answerTimeoutMs = 30_000;

/** Asks a process of the lab; any answer but 2xx is a bug of the lab. */
export async function askJson<T>(
  { host, port }: Endpoint,
  path: string,
  options: { method?: string; body?: unknown; timeoutMs?: number } = {},
): Promise<T> {
  const response = await fetch(`http://${host}:${port}${path}`, {
    method: options.method ?? 'GET',
    signal: AbortSignal.timeout(options.timeoutMs ?? answerTimeoutMs),
    ...(options.body === undefined
      ? {}
      : { body: JSON.stringify(options.body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} at ${host}:${port}: ${response.status} ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
}

/**
 * Looks until there is something other than `false`, `null` and `undefined`, and returns it; an error
 * is a look that found nothing. Rejects after `timeoutMs`, and names what it waited for.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | null | undefined>,
  options: { timeoutMs: number; pollMs?: number },
): Promise<T> {
  const started = systemClock.monotonicMs();
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== false && seen !== null && seen !== undefined) return seen;
    } catch (error) {
      last = error;
    }
    if (systemClock.monotonicMs() - started > options.timeoutMs) {
      throw new Error(`${what}: not within ${options.timeoutMs} ms`, { cause: last });
    }
    await systemClock.sleep(options.pollMs ?? 50);
  }
}
